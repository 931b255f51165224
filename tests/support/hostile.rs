//! Filters that do what no filter should, written by hand against the contract's binary interface
//! (the component model's canonical ABI), so that no well-meaning SDK stands in between.

use wit_component::StringEncoding;
use wit_parser::Resolve;

use super::repository;

/// The contract that they are written against.
const CONTRACT: &str = "0.1.0";
/// Where the functions put what they return.
const RESULT: u32 = 1024;
/// Where a function of a test may put layers.
pub const SPACE: u32 = 2048;

/// An overlay whose `draw` has this body, in WebAssembly text. It gets the frame as `$sequence`,
/// `$time`, `$offset`, `$width`, `$height`, `$variables`, `$count`, and leaves the address of its
/// result.
pub fn overlay(draw: &str) -> Vec<u8> {
    overlay_with("", "", draw)
}

/// The same with more in the module: imports, and anything else.
pub fn overlay_with(imports: &str, fields: &str, draw: &str) -> Vec<u8> {
    module(
        "overlay-filter",
        imports,
        "",
        &format!(
            "(func (export \"mattebox:filter/overlay@0.1.0#draw\")
            (param $sequence i64) (param $time i64) (param $offset i32) (param $width i32)
            (param $height i32) (param $variables i32) (param $count i32) (result i32) {draw})
            {fields}"
        ),
    )
}

/// The contract's `log`, as `$log`: level, address, length.
pub const LOG: &str =
    r#"(import "mattebox:filter/host@0.1.0" "log" (func $log (param i32 i32 i32)))"#;
/// The contract's `read-asset`, as `$read`: address and length of the name, address of the result.
pub const READ_ASSET: &str =
    r#"(import "mattebox:filter/host@0.1.0" "read-asset" (func $read (param i32 i32 i32)))"#;
/// WASI's `fd_write`, as `$write`: descriptor, addresses and count of pieces, address of the
/// result.
pub const FD_WRITE: &str = r#"(import "wasi_snapshot_preview1" "fd_write"
    (func $write (param i32 i32 i32 i32) (result i32)))"#;

/// A transform whose `apply` has this body; its picture is `$w`, `$h`, `$rgb`, `$length`.
pub fn transform(apply: &str) -> Vec<u8> {
    module(
        "transform-filter",
        "",
        "",
        &format!(
            "(func (export \"mattebox:filter/transform@0.1.0#apply\")
            (param $sequence i64) (param $time i64) (param $offset i32) (param $width i32)
            (param $height i32) (param $variables i32) (param $count i32)
            (param $w i32) (param $h i32) (param $rgb i32) (param $length i32) (result i32) \
         {apply})"
        ),
    )
}

/// An overlay whose `configure` has this body.
pub fn configure(body: &str) -> Vec<u8> {
    configure_with("", "", body)
}

/// The same with more in the module: imports, and anything else.
pub fn configure_with(imports: &str, fields: &str, body: &str) -> Vec<u8> {
    module(
        "overlay-filter",
        imports,
        body,
        &format!(
            "(func (export \"mattebox:filter/overlay@0.1.0#draw\")
            (param i64 i64 i32 i32 i32 i32 i32) (result i32) {UNCHANGED})
            {fields}"
        ),
    )
}

/// Leaves `ok(unchanged)`.
pub const UNCHANGED: &str = "(i64.store (i32.const 1024) (i64.const 0)) (i32.const 1024)";

/// Leaves `ok(layers([one layer]))` with this position, size, and place and length of its bytes.
pub fn one_layer(x: i32, y: i32, width: u32, height: u32, bytes: u32, length: u32) -> String {
    let mut code = format!(
        "(i32.store (i32.const {RESULT}) (i32.const 0))
         (i32.store offset=4 (i32.const {RESULT}) (i32.const 1))
         (i32.store offset=8 (i32.const {RESULT}) (i32.const {SPACE}))
         (i32.store offset=12 (i32.const {RESULT}) (i32.const 1))"
    );
    let fields = [x as u32, y as u32, width, height, bytes, length];
    for (index, field) in fields.iter().enumerate() {
        let offset = index * 4;
        code += &format!("(i32.store offset={offset} (i32.const {SPACE}) (i32.const {field}))");
    }
    code + &format!("(i32.const {RESULT})")
}

/// Leaves `ok(layers([]))`.
pub const NO_LAYERS: &str = "(i64.store (i32.const 1024) (i64.const 0x1_0000_0000))
    (i64.store offset=8 (i32.const 1024) (i64.const 0)) (i32.const 1024)";

/// Leaves `ok(image)` of this size and place and length of its bytes.
pub fn image(width: u32, height: u32, bytes: u32, length: u32) -> String {
    let mut code = format!("(i32.store (i32.const {RESULT}) (i32.const 0))");
    for (index, field) in [width, height, bytes, length].iter().enumerate() {
        let offset = 4 + index * 4;
        code += &format!("(i32.store offset={offset} (i32.const {RESULT}) (i32.const {field}))");
    }
    code + &format!("(i32.const {RESULT})")
}

/// An overlay whose `describe` has this body.
pub fn describe(body: &str) -> Vec<u8> {
    described(body, "{}", &plain_overlay())
}

/// A core module without its WIT world, for the newest contract, that exports a function of this
/// name in an interface of this name: it gets the frame, and leaves the address of its result.
pub fn bare(interface: &str, function: &str, body: &str) -> Vec<u8> {
    let function = format!(
        "(func (export \"mattebox:filter/{interface}@0.1.0#{function}\")
            (param $sequence i64) (param $time i64) (param $offset i32) (param $width i32)
            (param $height i32) (result i32) {body})"
    );
    let text = text(("", "(i32.const 0)", "{}"), "", &function);
    wat::parse_str(text.replace("@0.1.0", "@0.2.0")).unwrap()
}

/// An overlay with this settings schema that traps unless its settings are so many bytes of JSON.
pub fn with_settings(schema: &str, bytes: u32) -> Vec<u8> {
    let configure = format!(
        "(if (i32.ne (local.get 1) (i32.const {bytes})) (then unreachable))
         (i32.store (i32.const 1024) (i32.const 0)) (i32.const 1024)"
    );
    let interface = ("", "(i32.const 0)", schema);
    assemble("overlay-filter", interface, &configure, &plain_overlay())
}

/// An overlay with this settings schema.
pub fn with_schema(schema: &str) -> Vec<u8> {
    described("(i32.const 0)", schema, &plain_overlay())
}

fn plain_overlay() -> String {
    format!(
        "(func (export \"mattebox:filter/overlay@0.1.0#draw\")
            (param i64 i64 i32 i32 i32 i32 i32) (result i32) {UNCHANGED})"
    )
}

fn described(describe: &str, schema: &str, function: &str) -> Vec<u8> {
    assemble("overlay-filter", ("", describe, schema), "", function)
}

fn module(world: &str, imports: &str, configure: &str, function: &str) -> Vec<u8> {
    assemble(world, (imports, "(i32.const 0)", "{}"), configure, function)
}

fn assemble(
    world: &str,
    interface: (&str, &str, &str),
    configure: &str,
    function: &str,
) -> Vec<u8> {
    embed(&text(interface, configure, function), world, CONTRACT)
}

/// The module's text: what it imports, how it describes itself and its settings, how it takes them,
/// and what it does.
fn text(
    (imports, describe, schema): (&str, &str, &str),
    configure: &str,
    function: &str,
) -> String {
    let configure = if configure.is_empty() {
        "(i32.store (i32.const 1024) (i32.const 0)) (i32.const 1024)"
    } else {
        configure
    };
    // The schema lies behind the 64 KiB that a test may use, and what is allocated behind the
    // schema.
    let (at, length) = (65536, schema.len());
    let next = at + length;
    let pages = next.div_ceil(65536) + 3;
    let length = length.to_le_bytes().map(|byte| format!("\\{byte:02x}"));
    let length = length[..4].concat();
    let schema = schema.replace('\\', "\\\\").replace('"', "\\\"");
    format!(
        r#"(module
            {imports}
            (memory (export "memory") {pages})
            (global $next (mut i32) (i32.const {next}))
            ;; name, version, summary, schema: pairs of address and length
            (data (i32.const 0)
                "\40\00\00\00\07\00\00\00\47\00\00\00\01\00\00\00"
                "\48\00\00\00\00\00\00\00\00\00\01\00{length}")
            (data (i32.const 64) "hostile1")
            (data (i32.const {at}) "{schema}")
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
                (local $at i32)
                (local.set $at
                    (i32.and (i32.add (global.get $next) (i32.const 15)) (i32.const -16)))
                (global.set $next (i32.add (local.get $at) (local.get 3)))
                (block $enough (loop $more
                    (br_if $enough
                        (i32.le_u (global.get $next) (i32.mul (memory.size) (i32.const 65536))))
                    (br_if $more (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))
                    unreachable))
                (local.get $at))
            (func (export "mattebox:filter/lifecycle@0.1.0#describe") (result i32) {describe})
            (func (export "mattebox:filter/lifecycle@0.1.0#configure")
                (param i32 i32) (result i32) {configure})
            {function})"#
    )
}

/// An overlay that does nothing, built for this version of the contract.
pub fn built_for(version: &str) -> Vec<u8> {
    let text = text(("", "(i32.const 0)", "{}"), "", &plain_overlay());
    embed(&text, "overlay-filter", version)
}

/// The module in `text` with its WIT world, in which this version of the contract takes the place
/// of [`CONTRACT`].
fn embed(text: &str, world: &str, version: &str) -> Vec<u8> {
    let renamed = |text: &str| text.replace(&format!("@{CONTRACT}"), &format!("@{version}"));
    let mut module = wat::parse_str(renamed(text)).unwrap();
    let wit = repository("filter-sdk/wit")
        .join(CONTRACT)
        .join("filter.wit");
    let wit = std::fs::read_to_string(wit).unwrap();
    let mut resolve = Resolve::default();
    let package = resolve.push_str("filter.wit", &renamed(&wit)).unwrap();
    let world = resolve.select_world(&[package], Some(world)).unwrap();
    wit_component::embed_component_metadata(
        &mut module,
        &resolve,
        world,
        StringEncoding::UTF8,
        false,
    )
    .unwrap();
    module
}

/// An overlay that does nothing but takes seconds to be compiled: many functions, of which those of
/// another `seed` are others.
pub fn slow_to_compile(seed: u32) -> Vec<u8> {
    let function = |index: u32| {
        let round = |round: u32| {
            let (factor, least) = (index * round + 3, seed + round);
            let from = round % 2;
            format!(
                "(local.set 2 (i64.add (i64.mul (local.get {from}) (i64.const {factor}))
                    (i64.rotl (local.get 2) (local.get 1))))
                (if (i64.gt_s (local.get 2) (i64.const {least}))
                    (then (local.set 0 (i64.xor (local.get 2) (local.get 0)))))"
            )
        };
        let body: String = (0..40).map(round).collect();
        format!(
            "(func (export \"f{index}\") (param i64 i64) (result i64) (local i64) {body} \
             (local.get 2))"
        )
    };
    let functions: String = (0..2500).map(function).collect();
    overlay_with("", &functions, UNCHANGED)
}

/// An overlay that draws a square of this colour (red, green, blue), which is data of a small
/// module, by the large one that it comes with: as one of a language with a runtime does.
pub fn with_runtime(color: [u8; 3]) -> Vec<u8> {
    let filler = "(drop (i32.const 1000000))".repeat(40_000);
    let runtime = format!(
        "(module
            (import \"env\" \"memory\" (memory 0))
            (func (export \"fill\") (param i32 i32)
                (loop $again
                    (i32.store (local.get 0) (i32.load (i32.const 512)))
                    (local.set 0 (i32.add (local.get 0) (i32.const 4)))
                    (br_if $again (i32.lt_u (local.get 0) (local.get 1)))
                    (return))
                {filler}))"
    );
    let import = "(import \"runtime\" \"fill\" (func $fill (param i32 i32)))";
    let color = color.map(|part| format!("\\{part:02x}")).concat();
    let data = format!("(data (i32.const 512) \"{color}\\ff\")");
    let fill = "(call $fill (i32.const 4096) (i32.const 5120))";
    let layer = one_layer(0, 0, 16, 16, 4096, 1024);
    let core = overlay_with(import, &data, &format!("{fill} {layer}"));
    let runtime = wat::parse_str(runtime).unwrap();
    let mut encoder = wit_component::ComponentEncoder::default();
    let whole = encoder.module(&core).unwrap().adapter("runtime", &runtime);
    whole.unwrap().encode().unwrap()
}
