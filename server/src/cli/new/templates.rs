//! The files of the templates: the examples in `filters/examples`.

/// A language that there are templates for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Language {
    Rust,
    C,
    Cpp,
    Zig,
    Assemblyscript,
    Javascript,
    Python,
    /// Untested: nobody had it to test it with
    Tinygo,
}

/// A kind of filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    /// Draws over the picture
    Overlay,
    /// Gets the picture and gives another
    Transform,
    /// Looks at pictures beside the frames' way, and tells what it found
    Inspect,
}

impl Language {
    /// Its name for people.
    pub fn title(self) -> &'static str {
        match self {
            Self::Rust => "Rust",
            Self::C => "C",
            Self::Cpp => "C++",
            Self::Zig => "Zig",
            Self::Assemblyscript => "AssemblyScript",
            Self::Javascript => "JavaScript",
            Self::Python => "Python",
            Self::Tinygo => "TinyGo",
        }
    }
}

impl Kind {
    /// It in words.
    pub fn title(self) -> &'static str {
        match self {
            Self::Overlay => "an overlay",
            Self::Transform => "a transform",
            Self::Inspect => "an inspecting filter",
        }
    }

    /// Its world in the contract.
    pub fn world(self) -> &'static str {
        match self {
            Self::Overlay => "overlay-filter",
            Self::Transform => "transform-filter",
            Self::Inspect => "inspect-filter",
        }
    }
}

/// A file's name in the new folder, and its contents.
pub type File = (&'static str, &'static [u8]);

/// Files by their names in the new folder and in the folder of the examples.
macro_rules! files {
    ($($name:literal: $source:expr),* $(,)?) => {
        &[$(($name, include_bytes!(concat!("../../../assets/examples/", $source)) as &[u8])),*]
    };
}

/// The sources of a language for a kind, in whose folder they lie, some `as` another name.
macro_rules! sources {
    ($kind:expr, $language:literal, $($source:literal),*) => {
        sources!($kind, $language, $($source as $source),*)
    };
    ($kind:expr, $language:literal, $($source:literal as $name:literal),*) => {
        match $kind {
            Kind::Overlay => files!($($name: concat!($language, "/overlay/", $source)),*),
            Kind::Transform => files!($($name: concat!($language, "/transform/", $source)),*),
            Kind::Inspect => files!($($name: concat!($language, "/inspect/", $source)),*),
        }
    };
}

/// Files in the folder `typings`, by their names there.
macro_rules! typings {
    ($($name:literal),* $(,)?) => {
        &[$((
            concat!("typings/", $name),
            include_bytes!(concat!("../../../assets/examples/python/typings/", $name)) as &[u8],
        )),*]
    };
}

/// The README of a new filter: of every language, and of this one.
pub fn readme(language: Language) -> String {
    let own = match language {
        Language::Rust => include_str!("../../../assets/examples/rust/notes.md"),
        Language::C => include_str!("../../../assets/examples/c/notes.md"),
        Language::Cpp => include_str!("../../../assets/examples/cpp/notes.md"),
        Language::Zig => include_str!("../../../assets/examples/zig/notes.md"),
        Language::Assemblyscript => {
            include_str!("../../../assets/examples/assemblyscript/notes.md")
        }
        Language::Javascript => include_str!("../../../assets/examples/javascript/notes.md"),
        Language::Python => include_str!("../../../assets/examples/python/notes.md"),
        Language::Tinygo => include_str!("../../../assets/examples/tinygo/notes.md"),
    };
    include_str!("../../../assets/examples/project/README.md").to_owned() + own
}

/// All files of a new filter but the contract and the README.
pub fn files(language: Language, kind: Kind) -> Vec<File> {
    let parts: [&[File]; 4] = [
        common(kind),
        of(language),
        source(language, kind),
        bindings(language, kind),
    ];
    parts.concat()
}

fn common(kind: Kind) -> &'static [File] {
    match kind {
        Kind::Overlay => files!(
            "pipeline.yaml": "project/pipeline.yaml",
            "golden/640x480.png": "golden/overlay/640x480.png",
            "golden/321x241.png": "golden/overlay/321x241.png",
        ),
        Kind::Transform => files!(
            "pipeline.yaml": "project/pipeline.yaml",
            "golden/640x480.png": "golden/transform/640x480.png",
            "golden/321x241.png": "golden/transform/321x241.png",
        ),
        Kind::Inspect => files!(
            "pipeline.yaml": "project/pipeline-inspect.yaml",
            "golden/640x480.json": "golden/inspect/640x480.json",
            "golden/321x241.json": "golden/inspect/321x241.json",
        ),
    }
}

fn of(language: Language) -> &'static [File] {
    match language {
        Language::Rust => files!(
            "build.sh": "rust/build.sh",
            "Cargo.toml": "rust/manifest.toml",
            ".gitignore": "rust/gitignore",
        ),
        Language::C => files!(
            "build.sh": "c/build.sh",
            "settings.h": "c/settings.h",
            ".gitignore": "c/gitignore",
        ),
        Language::Cpp => files!(
            "build.sh": "cpp/build.sh",
            "settings.hpp": "cpp/settings.hpp",
            ".gitignore": "cpp/gitignore",
        ),
        Language::Zig => files!(
            "build.sh": "zig/build.sh",
            "mattebox.zig": "zig/mattebox.zig",
            ".gitignore": "zig/gitignore",
        ),
        Language::Assemblyscript => files!(
            "build.sh": "assemblyscript/build.sh",
            "package.json": "assemblyscript/package.json",
            "exports.mjs": "assemblyscript/exports.mjs",
            "mattebox.ts": "assemblyscript/mattebox.ts",
            ".gitignore": "assemblyscript/gitignore",
        ),
        Language::Javascript => files!(
            "build.sh": "javascript/build.sh",
            "package.json": "javascript/package.json",
            "console.js": "javascript/console.js",
            "jsconfig.json": "javascript/jsconfig.json",
            "types/package.json": "javascript/types/package.json",
            "types/index.d.ts": "javascript/types/index.d.ts",
            "types/console.d.ts": "javascript/types/console.d.ts",
            ".gitignore": "javascript/gitignore",
        ),
        Language::Python => files!(
            "build.sh": "python/build.sh",
            "pyrightconfig.json": "python/pyrightconfig.json",
            ".gitignore": "python/gitignore",
        ),
        Language::Tinygo => files!(
            "build.sh": "tinygo/build.sh",
            "go.mod": "tinygo/go.mod",
            "mattebox.go": "tinygo/mattebox.go",
            ".gitignore": "tinygo/gitignore",
        ),
    }
}

fn source(language: Language, kind: Kind) -> &'static [File] {
    match language {
        Language::Rust => sources!(kind, "rust", "lib.rs" as "src/lib.rs"),
        Language::C => sources!(kind, "c", "filter.c"),
        Language::Cpp => sources!(kind, "cpp", "filter.cpp"),
        Language::Zig => sources!(kind, "zig", "filter.zig"),
        Language::Assemblyscript => sources!(kind, "assemblyscript", "filter.ts", "world.ts"),
        Language::Javascript => sources!(kind, "javascript", "filter.js"),
        Language::Python => sources!(kind, "python", "filter.py"),
        Language::Tinygo => sources!(kind, "tinygo", "filter.go", "world.go"),
    }
}

/// Bindings to the contract: those of `wit-bindgen c`, for the languages that take them, and those
/// of `componentize-py`, for editors of Python.
fn bindings(language: Language, kind: Kind) -> &'static [File] {
    match language {
        Language::C | Language::Cpp => c_bindings(kind),
        Language::Python => typings!(
            "componentize_py_types.py",
            "wit_world/__init__.py",
            "wit_world/exports/__init__.py",
            "wit_world/exports/inspect.py",
            "wit_world/exports/lifecycle.py",
            "wit_world/exports/overlay.py",
            "wit_world/exports/transform.py",
            "wit_world/imports/__init__.py",
            "wit_world/imports/context.py",
            "wit_world/imports/host.py",
            "wit_world/imports/publish.py",
            "wit_world/imports/types.py",
            "wit_world/imports/view.py",
        ),
        _ => &[],
    }
}

fn c_bindings(kind: Kind) -> &'static [File] {
    match kind {
        Kind::Overlay => files!(
            "bindings/overlay_filter.h": "bindings/overlay_filter.h",
            "bindings/overlay_filter.c": "bindings/overlay_filter.c",
            "bindings/overlay_filter_component_type.o": "bindings/overlay_filter_component_type.o",
        ),
        Kind::Transform => files!(
            "bindings/transform_filter.h": "bindings/transform_filter.h",
            "bindings/transform_filter.c": "bindings/transform_filter.c",
            "bindings/transform_filter_component_type.o":
                "bindings/transform_filter_component_type.o",
        ),
        Kind::Inspect => files!(
            "bindings/inspect_filter.h": "bindings/inspect_filter.h",
            "bindings/inspect_filter.c": "bindings/inspect_filter.c",
            "bindings/inspect_filter_component_type.o": "bindings/inspect_filter_component_type.o",
        ),
    }
}
