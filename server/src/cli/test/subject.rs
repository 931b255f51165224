//! The filter under test: it is called, measured, and started again when it breaks.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::report::Report;
use super::scene::{Moment, Scene};
use crate::chain::{Answer, Drawing, Trial, TrialInstance};
use crate::filter::{CallError, StartError};

/// So many times a filter is started again.
const MOST_RESTARTS: u64 = 10;

/// The filter under test.
pub struct Subject {
    pub trial: Trial,
    instance: Option<TrialInstance>,
    /// Calls of this instance.
    calls: u64,
    /// Its latest drawing.
    drawing: Arc<Drawing>,
    restarts: u64,
}

/// A call and what it took.
pub struct Call {
    pub answer: Result<Answer, CallError>,
    pub took: Duration,
    /// The filter's memory after it, in bytes.
    pub memory: u64,
    /// Whether it is the first of its instance.
    pub is_first: bool,
}

impl Subject {
    pub fn new(trial: Trial) -> Self {
        Self {
            trial,
            instance: None,
            calls: 0,
            drawing: Arc::default(),
            restarts: 0,
        }
    }

    pub fn now(&self) -> Instant {
        self.trial.engine.clock().now()
    }

    /// Starts an instance in place of the one that runs. Gives the time that it took.
    ///
    /// # Errors
    /// It can't be started.
    pub fn start(&mut self) -> Result<Duration, StartError> {
        let start = self.now();
        // The old one's memory comes free first.
        self.instance = None;
        self.instance = Some(self.trial.start()?);
        self.calls = 0;
        self.drawing = Arc::default();
        Ok(self.now() - start)
    }

    /// Calls the filter, which is started if it does not run. None if it can't be, or was too
    /// often: the report then has that.
    pub fn call(&mut self, scene: &Scene, moment: &Moment, report: &mut Report) -> Option<Call> {
        if self.instance.is_none() {
            if self.restarts >= MOST_RESTARTS {
                return None;
            }
            if let Err(error) = self.start() {
                report.problem("start", error);
                return None;
            }
        }
        let now = self.now();
        let (info, context) = scene.facts(moment, now);
        let instance = self.instance.as_mut()?;
        let start = self.trial.engine.clock().now();
        let answer = instance.call(&info, &context, scene.image());
        let took = self.trial.engine.clock().now() - start;
        let memory = instance.memory();
        self.calls += 1;
        let is_first = self.calls == 1;
        match &answer {
            Ok(Answer::Drawing(drawing)) => self.drawing = drawing.clone(),
            Ok(Answer::Unchanged) if is_first => report.problem(
                "unchanged",
                "an instance's first answer is `unchanged`, with nothing drawn before",
            ),
            _ => {}
        }
        if matches!(&answer, Err(error) if !matches!(error, CallError::Refused(_))) {
            self.instance = None;
            self.restarts += 1;
            report.restarts += 1;
        }
        report.memory_bytes = report.memory_bytes.max(memory);
        Some(Call {
            answer,
            took,
            memory,
            is_first,
        })
    }

    /// The picture with the latest drawing over it.
    pub fn painted(&self, scene: &Scene) -> Vec<u8> {
        scene.painted(&self.drawing)
    }

    /// The answer that a new instance gives, beside the one that runs.
    pub fn fresh(&self, scene: &Scene, moment: &Moment) -> Option<Answer> {
        let (info, context) = scene.facts(moment, self.now());
        let mut instance = self.trial.start().ok()?;
        instance.call(&info, &context, scene.image()).ok()
    }
}
