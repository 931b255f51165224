//! Takes the large core modules out of a component, so that each can be compiled by itself.
//!
//! What is built of JavaScript or Python holds the language's runtime, whose code is the same in
//! each build: only data changes, which lies in small modules. The component that is left imports
//! what was taken out, by number, and the runtime checks the types of that as of any import. So
//! whatever is wrong here is an error when the component is compiled or linked, and the caller
//! compiles the component whole then.

use std::borrow::Cow;
use std::collections::HashMap;

use wasm_encoder::{
    Alias, Component, ComponentAliasSection, ComponentImportSection, ComponentOuterAliasKind,
    ComponentSectionId, ComponentTypeRef, CoreTypeSection, EntityType, FuncType, ModuleType,
    RawSection,
};
use wasmparser::types::{CoreTypeId, EntityType as ParsedType, Types, TypesRef};
use wasmparser::{BinaryReader, Parser, Payload, ValidPayload, Validator};

/// Modules with less code than this, in bytes, stay: compiling them takes less than a tenth of a
/// second.
const PART_BYTES: u32 = 128 << 10;
/// The most modules that are taken out.
const PARTS: usize = 16;
/// The most components around one.
const DEPTH: u32 = 8;
const CORE_MODULE: u8 = ComponentSectionId::CoreModule as u8;
const COMPONENT: u8 = ComponentSectionId::Component as u8;

/// A component whose large core modules were taken out.
pub struct Split<'a> {
    /// The rest of the component, which imports them.
    pub component: Cow<'a, [u8]>,
    /// The core modules. Each is imported by [`import_name`] of its index.
    pub parts: Vec<&'a [u8]>,
}

impl<'a> Split<'a> {
    /// A component that nothing was taken out of.
    pub fn whole(component: &'a [u8]) -> Self {
        Self {
            component: component.into(),
            parts: Vec::new(),
        }
    }
}

/// The name by which the core module with this index is imported.
pub fn import_name(index: usize) -> String {
    format!("part{index}")
}

/// Splits `component`, unless nothing in it is large, or it is of an odd kind.
pub fn split(component: &[u8]) -> Option<Split<'_>> {
    let types = types(component, |_| ())?;
    let types = types.as_ref();
    // Types of core modules are added to it, by which its own would get other indices.
    if types.core_type_count_in_component() > 0 {
        return None;
    }
    let mut splitter = Splitter {
        parts: Vec::new(),
        new: Vec::new(),
        may_nest: types.module_count() == 0,
    };
    let component = splitter.rest_of(component, 0)?.into();
    let parts = splitter.parts;
    (!parts.is_empty()).then_some(Split { component, parts })
}

struct Splitter<'a> {
    parts: Vec<&'a [u8]>,
    /// The types of those that the outermost component doesn't import yet.
    new: Vec<ModuleType>,
    /// Whether modules are taken out of components in the outermost one, too. It imports them
    /// before it has any of its own, whose indices would be others then.
    may_nest: bool,
}

impl<'a> Splitter<'a> {
    /// The rest of `component`, with `depth` others around it.
    fn rest_of(&mut self, component: &'a [u8], depth: u32) -> Option<Vec<u8>> {
        let sections = component.get(Component::HEADER.len()..)?;
        let mut sections = BinaryReader::new(sections, 0);
        let mut rest = Component::new();
        while !sections.eof() {
            let id = sections.read_u8().ok()?;
            let length = sections.read_var_u32().ok()?;
            let data = sections.read_bytes(length as usize).ok()?;
            match id {
                CORE_MODULE if self.take(data) => self.import(depth, &mut rest),
                COMPONENT if self.may_nest && depth < DEPTH => {
                    let inner = self.rest_of(data, depth + 1)?;
                    if depth == 0 {
                        self.import(depth, &mut rest);
                    }
                    rest.section(&RawSection { id, data: &inner });
                }
                _ => {
                    rest.section(&RawSection { id, data });
                }
            }
        }
        Some(rest.finish())
    }

    /// Takes `module` out if it is large.
    fn take(&mut self, module: &'a [u8]) -> bool {
        let is_full = self.parts.len() >= PARTS;
        let Some(ty) = (!is_full).then(|| type_of_large(module)).flatten() else {
            return false;
        };
        self.parts.push(module);
        self.new.push(ty);
        true
    }

    /// Puts the new parts into the component `to`, where they have the indices that the modules
    /// had: as imports, or as aliases of what the outermost component imports.
    fn import(&mut self, depth: u32, to: &mut Component) {
        if depth > 0 {
            let mut aliases = ComponentAliasSection::new();
            aliases.alias(Alias::Outer {
                kind: ComponentOuterAliasKind::CoreModule,
                count: depth,
                index: self.parts.len() as u32 - 1,
            });
            to.section(&aliases);
            return;
        }
        let (mut types, mut imports) = (CoreTypeSection::new(), ComponentImportSection::new());
        let first = self.parts.len() - self.new.len();
        for (index, ty) in (first..).zip(self.new.drain(..)) {
            types.ty().module(&ty);
            let name = import_name(index);
            imports.import(name.as_str(), ComponentTypeRef::Module(index as u32));
        }
        if !types.is_empty() {
            to.section(&types).section(&imports);
        }
    }
}

/// The types in a module or component, whose functions' bodies are not looked at. Each payload is
/// handed to `look`.
fn types<'a>(bytes: &'a [u8], mut look: impl FnMut(&Payload<'a>)) -> Option<Types> {
    let mut validator = Validator::new();
    let mut types = None;
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload.ok()?;
        look(&payload);
        if let ValidPayload::End(end) = validator.payload(&payload).ok()? {
            types = Some(end);
        }
    }
    types
}

/// The type of a core module, if it is a large one.
fn type_of_large(module: &[u8]) -> Option<ModuleType> {
    let mut code = 0;
    let types = types(module, |payload| {
        if let Payload::CodeSectionStart { size, .. } = payload {
            code = *size;
        }
    });
    let types = types.filter(|_| code >= PART_BYTES)?;
    let types = types.as_ref();
    let mut ty = TypeWriter::default();
    for (module, name, import) in types.core_imports()? {
        let import = ty.entity(types, import)?;
        ty.module.import(module, name, import);
    }
    for (name, export) in types.core_exports()? {
        let export = ty.entity(types, export)?;
        ty.module.export(name, export);
    }
    Some(ty.module)
}

/// A module's type that is being written.
#[derive(Default)]
struct TypeWriter {
    module: ModuleType,
    functions: HashMap<CoreTypeId, u32>,
}

impl TypeWriter {
    /// The type of an import or export. None for kinds that hardly a compiler uses.
    fn entity(&mut self, types: TypesRef<'_>, ty: ParsedType) -> Option<EntityType> {
        Some(match ty {
            ParsedType::Func(id) => EntityType::Function(self.function(types, id)?),
            ParsedType::Table(table) => EntityType::Table(table.try_into().ok()?),
            ParsedType::Memory(memory) => EntityType::Memory(memory.into()),
            ParsedType::Global(global) => EntityType::Global(global.try_into().ok()?),
            ParsedType::Tag(_) | ParsedType::FuncExact(_) => return None,
        })
    }

    fn function(&mut self, types: TypesRef<'_>, id: CoreTypeId) -> Option<u32> {
        if let Some(index) = self.functions.get(&id) {
            return Some(*index);
        }
        let function = FuncType::try_from(types[id].unwrap_func().clone()).ok()?;
        let index = self.module.type_count();
        self.module.ty().func_type(&function);
        self.functions.insert(id, index);
        Some(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A core module with a quarter more bytes of code than this, and `fields`.
    fn module(fields: &str, code: u32) -> String {
        let filler = "(drop (i32.const 1000000))".repeat(code as usize / 4);
        format!("(core module {fields} (func {filler}))")
    }

    fn large(fields: &str) -> String {
        module(fields, PART_BYTES)
    }

    /// What is left of a component, as valid, and the parts of it.
    fn parts(text: &str) -> Vec<Vec<u8>> {
        let component = wat::parse_str(text).unwrap();
        let Some(split) = split(&component) else {
            return Vec::new();
        };
        wasmparser::validate(&split.component).unwrap();
        assert!(split.component.len() < PART_BYTES as usize);
        split.parts.into_iter().map(<[u8]>::to_vec).collect()
    }

    fn core(module: &str) -> Vec<u8> {
        wat::parse_str(module.replacen("core module", "module", 1)).unwrap()
    }

    #[test]
    fn large_modules_are_taken_out_with_what_they_import_and_export() {
        let fields = "(import \"a\" \"f\" (func (param i32 f64) (result i64)))
            (import \"a\" \"t\" (table 1 9 funcref))
            (import \"a\" \"m\" (memory 1))
            (import \"a\" \"g\" (global (mut i32)))
            (func (export \"x\") (param i32 f64) (result i64) (i64.const 0))
            (global (export \"y\") externref (ref.null extern))";
        let (large, other) = (large(fields), large(""));
        let instance = "(core instance (instantiate 0))";
        let text = format!("(component (core module) {large} {instance} {other})");
        assert!(parts(&text) == [core(&large), core(&other)]);
    }

    #[test]
    fn those_of_components_in_it_are_taken_out_too() {
        let (one, other) = (large("(func (export \"a\"))"), large(""));
        let inner = format!("(component (core module) {one} (core instance (instantiate 1)))");
        let text = format!(
            "(component
                (component {inner} {other} (instance (instantiate 0)))
                {inner}
                (instance (instantiate 0)) (instance (instantiate 1)))"
        );
        assert!(parts(&text) == [core(&one), core(&other), core(&one)]);
    }

    #[test]
    fn what_is_small_or_odd_stays() {
        let small = module("", PART_BYTES / 2);
        assert!(parts(&format!("(component {small})")).is_empty());
        let large = large("");
        // Indices of its own would be others.
        let ty = "(core type (func))";
        assert!(parts(&format!("(component {ty} {large})")).is_empty());
        let inner = format!("(component {large})");
        assert!(parts(&format!("(component (core module) {inner})")).is_empty());
        for bytes in [&b"damaged"[..], &core(&large), b""] {
            assert!(split(bytes).is_none());
        }
    }

    #[test]
    fn no_more_than_so_many_are_taken_out() {
        let text = format!("(component {})", large("").repeat(PARTS + 1));
        let component = wat::parse_str(text).unwrap();
        assert_eq!(split(&component).unwrap().parts.len(), PARTS);
    }
}
