//! What GDAL and PROJ say while they work, collected instead of printed to the error stream.

use gdal::errors::CplErrType;
use std::cell::RefCell;
use std::sync::Once;

/// Most messages kept of one piece of work; a broken file can give one per record.
const MESSAGES_MAX: usize = 100;

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// True for an error, false for a warning.
    pub is_error: bool,
    /// GDAL's words.
    pub text: String,
}

thread_local! {
    static COLLECTED: RefCell<Vec<Message>> = const { RefCell::new(Vec::new()) };
}

/// Runs work and returns what GDAL said during it on this thread, warnings and errors in order,
/// at most 100 of them. From the first call on, no thread's messages are printed any more.
pub fn collect<T>(work: impl FnOnce() -> T) -> (T, Vec<Message>) {
    install();
    let outer = COLLECTED.with_borrow_mut(std::mem::take);
    let result = work();
    let messages = COLLECTED.with_borrow_mut(|m| std::mem::replace(m, outer));
    (result, messages)
}

/// GDAL has one handler per process; it puts each message aside for the thread that caused it.
fn install() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        gdal::config::set_error_handler(|kind, _, text| {
            let is_error = match kind {
                CplErrType::Failure | CplErrType::Fatal => true,
                CplErrType::Warning => false,
                CplErrType::None | CplErrType::Debug => return,
            };
            COLLECTED.with(|messages| {
                // Never while the list is borrowed: GDAL does not call back from within `take`.
                if let Ok(mut messages) = messages.try_borrow_mut()
                    && messages.len() < MESSAGES_MAX
                {
                    messages.push(Message { is_error, text: text.to_owned() });
                }
            });
        });
    });
}
