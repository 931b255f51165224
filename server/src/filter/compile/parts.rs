//! Compiles components whose large core modules are kept, each by itself: the next build of a
//! filter in JavaScript or Python has the same ones in it, with nearly all of its code.
//!
//! The code of a core module depends on its bytes, on the compiler and on its settings. The hash of
//! the first and the cache's compatibility for the others name its file, so that no module is given
//! the code of another.

use sha2::{Digest as _, Sha256};
use wasmtime::component::Component;

use super::{Cache, LoadError, LoadErrorKind, unwritable};
use crate::clock::{Clock, SystemClock};
use crate::filter::code::Code;
use crate::filter::split::{Split, split};
use crate::filter::{Digest, Engine, ModuleError};

/// The most bytes of compiled code, with all parts.
const CODE_BYTES: usize = 512 << 20;

/// A component that is compiled.
pub struct Compiled {
    /// All of it, to be run in this process.
    pub code: Code,
    /// The code of the component without its parts.
    pub bytes: Vec<u8>,
    /// The hashes of its parts, whose code is in the cache.
    pub parts: Vec<Digest>,
}

/// Compiles `component`. Parts that were compiled before come from `cache`; the others go there.
///
/// # Errors
/// It is no component, or too much for the compiler; or the cache can't be written.
pub fn compile(engine: &Engine, cache: &Cache, component: &[u8]) -> Result<Compiled, LoadError> {
    match split(component).map(|split| compile_split(engine, cache, &split)) {
        // What is wrong with it is told of the whole.
        None
        | Some(Err(LoadError {
            kind: LoadErrorKind::Module,
            ..
        })) => compile_split(engine, cache, &Split::whole(component)),
        Some(compiled) => compiled,
    }
}

fn compile_split(engine: &Engine, cache: &Cache, split: &Split<'_>) -> Result<Compiled, LoadError> {
    let mut total = 0;
    let (mut parts, mut digests) = (Vec::new(), Vec::new());
    for part in &split.parts {
        let digest = Sha256::digest(part).into();
        let (part, bytes) = part_of(engine, cache, (&digest, part))?;
        total += bytes;
        digests.push(digest);
        parts.push(part);
    }
    let component = Component::from_binary(engine.raw(), &split.component).map_err(fault)?;
    let bytes = component.serialize().map_err(fault)?;
    total += bytes.len();
    if total > CODE_BYTES {
        return Err(ModuleError::Code(total >> 20, CODE_BYTES >> 20).into());
    }
    Ok(Compiled {
        code: Code { component, parts },
        bytes,
        parts: digests,
    })
}

/// The core module `part`, from the cache or compiled now, and the bytes of its code.
fn part_of(
    engine: &Engine,
    cache: &Cache,
    (digest, part): (&Digest, &[u8]),
) -> Result<(wasmtime::Module, usize), LoadError> {
    if let Some(file) = cache.part(digest, SystemClock.unix())
        && let Ok(module) = engine.load_part(&file)
    {
        let bytes = file.metadata().map_or(0, |file| file.len());
        return Ok((module, bytes as usize));
    }
    let module = wasmtime::Module::from_binary(engine.raw(), part).map_err(fault)?;
    let code = module.serialize().map_err(fault)?;
    let stored = cache.store_part(digest, &code);
    stored.map_err(|error| unwritable(cache.folder(), &error))?;
    Ok((module, code.len()))
}

fn fault(error: wasmtime::Error) -> LoadError {
    ModuleError::Compile(format!("{error:#}")).into()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use super::*;
    use crate::filter::split::import_name;
    use crate::private_folder::FolderChoice;

    /// What is compiled and called.
    struct Bench {
        engine: Engine,
        cache: Cache,
        _folder: tempfile::TempDir,
    }

    impl Bench {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let runtime = tokio::runtime::Handle::current();
            let engine = Engine::compiling(runtime).unwrap();
            let place = FolderChoice::Folder(folder.path().to_owned());
            Self {
                cache: Cache::open(&place, engine.compatibility()).unwrap(),
                engine,
                _folder: folder,
            }
        }

        fn compile(&self, text: &str) -> Compiled {
            let component = wat::parse_str(text).unwrap();
            compile(&self.engine, &self.cache, &component).unwrap()
        }

        /// What `run` of a component gives, as it is compiled now.
        fn run(&self, text: &str) -> u32 {
            let code = self.compile(text).code;
            let mut linker = wasmtime::component::Linker::new(self.engine.raw());
            for (index, part) in code.parts.iter().enumerate() {
                linker.root().module(&import_name(index), part).unwrap();
            }
            let mut store = wasmtime::Store::new(self.engine.raw(), ());
            store.set_epoch_deadline(1 << 40);
            let instance = linker.instantiate(&mut store, &code.component).unwrap();
            let run = instance.get_typed_func::<(), (u32,)>(&mut store, "run");
            run.unwrap().call(&mut store, ()).unwrap().0
        }

        /// The files of the code of parts.
        fn files(&self) -> Vec<PathBuf> {
            let files = fs::read_dir(self.cache.folder()).unwrap();
            let files = files.map(|file| file.unwrap().path());
            let parts = files.filter(|file| file.extension().is_some_and(|it| it == "part"));
            parts.collect()
        }
    }

    /// A component with a large core module, `run` of which gives `more` and what another one has
    /// as its data.
    fn component(data: u8, more: u32) -> String {
        let filler = "(drop (i32.const 1000000))".repeat(30_000);
        format!(
            "(component
                (core module $data (memory (export \"m\") 1) (data (i32.const 0) \"\\{data:02x}\"))
                (core module $large
                    (import \"data\" \"m\" (memory 1))
                    (func (export \"run\") (result i32)
                        (i32.add (i32.load (i32.const 0)) (i32.const {more})))
                    (func {filler}))
                (core instance $data (instantiate $data))
                (core instance $large (instantiate $large (with \"data\" (instance $data))))
                (func $run (result u32) (canon lift (core func $large \"run\")))
                (export \"run\" (func $run)))"
        )
    }

    fn nested(data: u8, more: u32) -> String {
        let inner = component(data, more);
        format!(
            "(component {inner} (instance $inner (instantiate 0))
                (alias export $inner \"run\" (func $run)) (export \"run\" (func $run)))"
        )
    }

    #[tokio::test]
    async fn builds_with_other_data_share_a_part_and_have_their_own_data() {
        let bench = Bench::new();
        for (build, expected) in [
            (component(3, 100), 103),
            (component(4, 100), 104),
            (nested(5, 100), 105),
        ] {
            assert_eq!(bench.run(&build), expected);
            assert_eq!(bench.files().len(), 1);
        }
        // Another code is another part, even if it is as long.
        assert_eq!(bench.run(&component(4, 101)), 105);
        assert_eq!(bench.files().len(), 2);
        assert_eq!(bench.run(&component(4, 100)), 104);
    }

    #[tokio::test]
    async fn a_part_is_compiled_once() {
        let (bench, other) = (Bench::new(), Bench::new());
        bench.run(&component(3, 100));
        other.run(&component(3, 101));
        // So that it shows which code is run.
        let file = &bench.files()[0];
        fs::remove_file(file).unwrap();
        fs::copy(&other.files()[0], file).unwrap();
        assert_eq!(bench.run(&component(4, 100)), 105);
    }

    #[tokio::test]
    async fn a_broken_file_is_replaced() {
        let bench = Bench::new();
        bench.run(&component(3, 100));
        let file = &bench.files()[0];
        let whole = fs::read(file).unwrap();
        for broken in [&whole[..whole.len() / 2], b"", b"no code"] {
            // As another file, since the one that is loaded is mapped.
            fs::remove_file(file).unwrap();
            fs::write(file, broken).unwrap();
            assert_eq!(bench.run(&component(4, 100)), 104);
            assert_eq!(fs::read(file).unwrap(), whole);
        }
    }

    #[tokio::test]
    async fn what_is_wrong_is_told_of_the_whole_component() {
        let bench = Bench::new();
        let text = component(3, 100).replace("(func (drop", "(func (result i32) (drop");
        let wrong = wat::parse_str(&text).unwrap();
        let told = compile(&bench.engine, &bench.cache, &wrong).err().unwrap();
        assert_eq!(told.kind, LoadErrorKind::Module);
        assert!(told.to_string().contains("type mismatch"), "{told}");
    }
}
