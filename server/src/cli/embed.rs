//! `mattebox embed`: a world of the contract into a core module.

use std::fs;

use super::output::outln;
use super::{EmbedArgs, Failure};
use crate::filter::Module;
use crate::filter::embed::{EmbedError, embed};

pub fn run(args: &EmbedArgs) -> Result<(), Failure> {
    let name = args.core.display();
    let core = Module::read(&args.core).map_err(|why| Failure::Run(format!("{name}: {why}")))?;
    let module = embed(&args.world, core.bytes()).map_err(|error| match error {
        EmbedError::World(..) => Failure::usage(error),
        _ => Failure::Run(format!("{name}: {error}")),
    })?;
    let output = args.output.display();
    fs::write(&args.output, &module).map_err(|error| Failure::Run(format!("{output}: {error}")))?;
    outln!(
        "{output}: {} bytes, with the world `{}`",
        module.len(),
        args.world
    );
    Ok(())
}
