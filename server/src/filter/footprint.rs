//! The memory that instances take beside their memories and tables: for functions, globals and imports.
//!
//! wasmtime's limiter counts none of it, and a component may instantiate a module any number of times. So what one instance
//! takes is read off the module, and the number of instances is limited by it.

use wasmparser::{Parser, Payload};

/// The bytes for a function that can be called indirectly, as any may be (wasmtime's `VMFuncRef`).
const FUNCTION: u64 = 48;
/// The bytes for an imported function and for calling it indirectly.
const IMPORT: u64 = 32 + FUNCTION;
/// The bytes for a global.
const GLOBAL: u64 = 16;
/// The bytes for a segment of data or of a table's elements.
const SEGMENT: u64 = 16;
/// The most bytes for all instances of a filter.
const MOST: u64 = 64 << 20;
/// The most instances, however small they are. A component of one module has four; one of Python's, some thirty.
const INSTANCES: u64 = 256;

/// The most instances of core modules that a filter may have, whose component this is; at least one.
pub fn instances(component: &[u8]) -> usize {
    let largest = largest_instance(component).max(1);
    (MOST / largest).clamp(1, INSTANCES) as usize
}

/// The bytes that an instance takes at most. What is damaged counts up to there; it is refused when it is compiled.
fn largest_instance(component: &[u8]) -> u64 {
    // For the module or component at hand, and those around it.
    let mut open = Vec::new();
    let mut largest = 0;
    for payload in Parser::new(0).parse_all(component).map_while(Result::ok) {
        if let Payload::Version { .. } = payload {
            open.push(0_u64);
        }
        if let Some(bytes) = open.last_mut() {
            *bytes += section_bytes(&payload);
            largest = largest.max(*bytes);
        }
        if let Payload::End(_) = payload {
            open.pop();
        }
    }
    largest
}

fn section_bytes(payload: &Payload<'_>) -> u64 {
    match payload {
        Payload::ImportSection(imports) => imports.clone().into_imports().count() as u64 * IMPORT,
        Payload::FunctionSection(functions) => u64::from(functions.count()) * FUNCTION,
        Payload::GlobalSection(globals) => u64::from(globals.count()) * GLOBAL,
        Payload::ElementSection(segments) => u64::from(segments.count()) * SEGMENT,
        Payload::DataSection(segments) => u64::from(segments.count()) * SEGMENT,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Vec<u8> {
        wat::parse_str(text).unwrap()
    }

    #[test]
    fn the_largest_module_of_a_component_counts() {
        let globals = "(global i32 (i32.const 0))".repeat(1000);
        let functions = "(func)".repeat(100);
        let text = format!(
            "(component (core module {globals}) (component (core module {functions} {globals})))"
        );
        let expected = 1000 * GLOBAL + 100 * FUNCTION;
        assert_eq!(largest_instance(&parse(&text)), expected);
        assert_eq!(instances(&parse(&text)), INSTANCES as usize);
    }

    #[test]
    fn large_modules_have_few_instances() {
        let globals = "(global i32 (i32.const 0))".repeat(500_000);
        let module = parse(&format!("(module {globals})"));
        assert_eq!(instances(&module), 8);
        assert_eq!(instances(b"damaged"), INSTANCES as usize);
    }

    #[test]
    fn the_filters_that_the_server_brings_have_room() {
        for filter in super::super::catalogue::BUILT_IN {
            assert!(instances(filter.wasm) > 30, "{}", filter.name);
        }
    }
}
