//! Checks a whole pipeline and readies its chains.

use crate::chain::{Loader, Planned, StepStatus, Unchanged, plan_chain};
use crate::clock::Clock;
use crate::config::{ConfigError, Diagnostic, Pipeline};
use crate::{gpio, source};

/// Readies all the chains, in the streams' order, and checks the sources' files and the pins. `old` gives the steps that a
/// stream has. Blocks while filters are compiled and started; must not be called from async code.
///
/// # Errors
/// Everything that is wrong with the pipeline. The old steps don't notice.
pub fn plan_all(
    loader: &mut Loader,
    pipeline: &Pipeline,
    clock: &dyn Clock,
    old: impl Fn(&str) -> Vec<StepStatus>,
) -> Result<Vec<Planned>, ConfigError> {
    let mut planned = Vec::new();
    let mut wrong = Vec::new();
    for stream in &pipeline.streams {
        if let Err(why) = source::check(&stream.source, &pipeline.folder) {
            wrong.push(Diagnostic::new(stream.source.span, why));
        }
        match plan_chain(
            loader,
            pipeline,
            stream,
            clock,
            (&old(&stream.name), Unchanged::GoOn),
        ) {
            Ok(chain) => planned.push(chain),
            Err(mut errors) => wrong.append(&mut errors),
        }
    }
    if let Some(gpio) = &pipeline.gpio
        && let Err(why) = gpio::check(gpio)
    {
        wrong.push(Diagnostic::new(gpio.span, why));
    }
    if wrong.is_empty() {
        Ok(planned)
    } else {
        Err(pipeline.error(wrong))
    }
}
