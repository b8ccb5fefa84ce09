//! The bar that an import, a backup or the demo draws, and its plain lines where there is no terminal.

use crate::importing::ImportState;
use citywall_import::{Progress, State};
use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};
use parking_lot::Mutex;
use std::{
    io::IsTerminal,
    time::{Duration, Instant},
};

/// Seconds between two lines where there is no terminal.
const LINE_SECONDS: u64 = 10;

/// A bar with rate and time left.
pub struct Bar {
    bar: ProgressBar,
    started: Instant,
    lined: Mutex<Instant>,
    quiet: bool,
}

impl Bar {
    /// A bar on standard error; nothing if `quiet`.
    pub fn new(quiet: bool) -> Self {
        let target = if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr_with_hz(8) };
        let bar = ProgressBar::with_draw_target(None, target);
        bar.enable_steady_tick(Duration::from_millis(200));
        Self { bar, started: Instant::now(), lined: Mutex::new(Instant::now()), quiet }
    }

    /// Shows how far an import is.
    pub fn show(&self, state: &ImportState) {
        #[expect(clippy::cast_precision_loss, reason = "a figure for a person")]
        let rate = state.stored as f64 / self.started.elapsed().as_secs_f64().max(0.001);
        let of = if state.layers > 1 { format!(" ({} of {})", state.layer, state.layers) } else { String::new() };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a figure for a person")]
        let rate = HumanCount(rate as u64);
        self.set(&format!("{}{of}: {} stored, {rate}/s", state.collection, HumanCount(state.stored)), state.done, state.total);
    }

    /// Shows any work.
    pub fn set(&self, message: &str, done: u64, total: Option<u64>) {
        match total {
            Some(total) => {
                if self.bar.length() != Some(total) {
                    self.bar.set_length(total);
                    self.bar.set_style(style("{spinner} {msg} [{bar:30}] {percent:>3}% {eta} left"));
                }
                self.bar.set_position(done);
            }
            None => self.bar.set_style(style("{spinner} {msg} {elapsed}")),
        }
        self.bar.set_message(message.to_owned());
        let mut lined = self.lined.lock();
        if !std::io::stderr().is_terminal() && !self.quiet && lined.elapsed().as_secs() >= LINE_SECONDS {
            *lined = Instant::now();
            match total.filter(|total| *total > 0) {
                Some(total) => eprintln!("{message}, {} %", done.saturating_mul(100) / total),
                None => eprintln!("{message}"),
            }
        }
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

impl Progress for Bar {
    fn update(&self, state: &State<'_>) {
        self.show(&state.into());
    }
}
