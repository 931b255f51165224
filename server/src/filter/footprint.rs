//! The memory that instances take beside their memories and tables: for functions, globals and
//! imports.
//!
//! wasmtime's limiter counts none of it, and a component may instantiate a module any number of
//! times. So it is read off the component before it is compiled: what its instances take together,
//! and the most instances that it may have.

use wasmparser::{
    ComponentAlias, ComponentExternalKind, ComponentInstance, ComponentOuterAliasKind,
    ComponentTypeRef, Encoding, Instance, Parser, Payload,
};

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
/// The most instances, however small they are. A component of one module has four; one of Python's,
/// some thirty.
const INSTANCES: u64 = 256;

/// The size of a filter's instances.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Footprint {
    /// The most instances of core modules that it may have, at least one.
    pub instances: usize,
    /// The bytes that they take together beside memories and tables, at most.
    pub bytes: u64,
}

impl Footprint {
    /// The size of the instances of `component`. What is damaged counts up to there; it is refused
    /// when it is compiled.
    pub fn of(component: &[u8]) -> Self {
        let mut walk = Walk::default();
        for payload in Parser::new(0).parse_all(component).map_while(Result::ok) {
            walk.take(&payload);
        }
        let largest = walk.largest.max(1);
        let instances = (MOST / largest).clamp(1, INSTANCES);
        let most = instances * largest;
        Self {
            instances: instances as usize,
            bytes: walk.total.map_or(most, |total| total.min(most)),
        }
    }
}

/// A module or component that is being read.
#[derive(Default)]
struct Open {
    is_component: bool,
    /// The bytes of the instances of it. Unknown if it instantiates what it is given.
    bytes: Option<u64>,
    /// Those of the modules and components that have an index in it.
    modules: Vec<Option<u64>>,
    components: Vec<Option<u64>>,
}

#[derive(Default)]
struct Walk {
    /// The one at hand, and those around it.
    open: Vec<Open>,
    /// The bytes of the largest module's instance.
    largest: u64,
    /// Those of all instances of what was read last.
    total: Option<u64>,
}

impl Walk {
    fn take(&mut self, payload: &Payload<'_>) {
        match payload {
            Payload::Version { encoding, .. } => self.open.push(Open {
                is_component: *encoding == Encoding::Component,
                bytes: Some(0),
                ..Open::default()
            }),
            Payload::End(_) => self.close(),
            Payload::ComponentAliasSection(aliases) => {
                for alias in aliases.clone().into_iter().map_while(Result::ok) {
                    self.alias(&alias);
                }
            }
            _ => {
                if let Some(open) = self.open.last_mut() {
                    open.take(payload);
                    if !open.is_component {
                        self.largest = self.largest.max(open.bytes.unwrap_or(0));
                    }
                }
            }
        }
    }

    fn close(&mut self) {
        let Some(closed) = self.open.pop() else {
            return;
        };
        self.total = closed.bytes;
        if let Some(around) = self.open.last_mut() {
            around.known(!closed.is_component).push(closed.bytes);
        }
    }

    fn alias(&mut self, alias: &ComponentAlias<'_>) {
        let outer = |count: u32| self.open.iter().nth_back(count as usize);
        let (is_module, bytes) = match *alias {
            ComponentAlias::InstanceExport { kind, .. } => match kind {
                ComponentExternalKind::Module => (true, None),
                ComponentExternalKind::Component => (false, None),
                _ => return,
            },
            ComponentAlias::Outer { kind, count, index } => match kind {
                ComponentOuterAliasKind::CoreModule => {
                    (true, outer(count).and_then(|it| at(&it.modules, index)))
                }
                ComponentOuterAliasKind::Component => {
                    (false, outer(count).and_then(|it| at(&it.components, index)))
                }
                _ => return,
            },
            ComponentAlias::CoreInstanceExport { .. } => return,
        };
        if let Some(open) = self.open.last_mut() {
            open.known(is_module).push(bytes);
        }
    }
}

/// The bytes of the instances of the module or component with this index.
fn at(known: &[Option<u64>], index: u32) -> Option<u64> {
    known.get(index as usize).copied().flatten()
}

impl Open {
    /// The modules in it, or the components.
    fn known(&mut self, are_modules: bool) -> &mut Vec<Option<u64>> {
        match are_modules {
            true => &mut self.modules,
            false => &mut self.components,
        }
    }

    fn take(&mut self, payload: &Payload<'_>) {
        match payload {
            Payload::InstanceSection(instances) => {
                for instance in instances.clone().into_iter().map_while(Result::ok) {
                    if let Instance::Instantiate { module_index, .. } = instance {
                        self.add(at(&self.modules, module_index));
                    }
                }
            }
            Payload::ComponentInstanceSection(instances) => {
                for instance in instances.clone().into_iter().map_while(Result::ok) {
                    if let ComponentInstance::Instantiate {
                        component_index: index,
                        ..
                    } = instance
                    {
                        self.add(at(&self.components, index));
                    }
                }
            }
            Payload::ComponentImportSection(imports) => {
                for import in imports.clone().into_iter().map_while(Result::ok) {
                    match import.ty {
                        ComponentTypeRef::Module(_) => self.modules.push(None),
                        ComponentTypeRef::Component(_) => self.components.push(None),
                        _ => {}
                    }
                }
            }
            // What is exported has another index from then on.
            Payload::ComponentExportSection(exports) => {
                for export in exports.clone().into_iter().map_while(Result::ok) {
                    let known = match export.kind {
                        ComponentExternalKind::Module => &mut self.modules,
                        ComponentExternalKind::Component => &mut self.components,
                        _ => continue,
                    };
                    known.push(at(known, export.index));
                }
            }
            _ => self.add(Some(section_bytes(payload))),
        }
    }

    fn add(&mut self, bytes: Option<u64>) {
        let sum = |sum: u64| bytes.map(|bytes| sum.saturating_add(bytes));
        self.bytes = self.bytes.and_then(sum);
    }
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

    fn of(text: &str) -> Footprint {
        Footprint::of(&wat::parse_str(text).unwrap())
    }

    fn globals(count: usize) -> String {
        "(global i32 (i32.const 0))".repeat(count)
    }

    #[test]
    fn all_instances_count_wherever_their_modules_come_from() {
        let (large, small) = (globals(1000), "(func)".repeat(100));
        let text = format!(
            "(component $outer
                (core module $large {large})
                (core instance (instantiate $large))
                (component $inner
                    (core module $small {small})
                    (core instance (instantiate $small))
                    (core instance (instantiate $small))
                    (alias outer $outer $large (core module $again))
                    (core instance (instantiate $again)))
                (export \"inner\" (component $inner))
                (instance (instantiate $inner))
                (instance (instantiate 1)))"
        );
        let (large, small) = (1000 * GLOBAL, 100 * FUNCTION);
        let expected = large + 2 * (2 * small + large);
        assert_eq!(of(&text).bytes, expected);
        assert_eq!(of(&text).instances, INSTANCES as usize);
    }

    #[test]
    fn what_is_only_known_later_counts_as_the_most_that_there_may_be() {
        let text = format!(
            "(component
                (component $inner (import \"m\" (core module $m)) (core instance (instantiate $m)))
                (core module $m {})
                (instance (instantiate $inner (with \"m\" (core module $m)))))",
            globals(1000)
        );
        assert_eq!(of(&text).bytes, INSTANCES * 1000 * GLOBAL);
    }

    #[test]
    fn as_many_instances_as_it_likes_are_no_more_than_it_may_have() {
        let mut inner = format!(
            "(core module {}) (core instance (instantiate 0))",
            globals(500_000)
        );
        for _ in 0..70 {
            inner = format!(
                "(component {inner}) (instance (instantiate 0)) (instance (instantiate 0))"
            );
        }
        let text = format!("(component {inner})");
        let footprint = of(&text);
        assert_eq!(footprint.instances, 8);
        assert_eq!(footprint.bytes, 8 * 500_000 * GLOBAL);
    }

    #[test]
    fn what_is_damaged_and_what_is_no_component_has_a_size() {
        let damaged = Footprint::of(b"damaged");
        assert_eq!(
            (damaged.instances, damaged.bytes),
            (INSTANCES as usize, INSTANCES)
        );
        assert_eq!(of(&format!("(module {})", globals(10))).bytes, 10 * GLOBAL);
    }

    #[test]
    fn the_filters_that_the_server_brings_have_room() {
        for filter in super::super::builtin::BUILT_IN {
            let footprint = Footprint::of(filter.wasm);
            assert!(footprint.instances > 30, "{}", filter.name);
            assert!(
                (1 << 10..512 << 10).contains(&footprint.bytes),
                "{footprint:?}"
            );
        }
    }
}
