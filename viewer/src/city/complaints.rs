//! What the wall has to complain of, for the diagnostics view and the log.
//!
//! A complaint about something that can be looked at again (the scene's layers, the panels' queries) is there for as
//! long as it is so. One that was only met (a corrupt tile) is there until nobody has met it for an hour.

use bevy::log::warn;
use jiff::{SignedDuration, Timestamp};

/// Complaints that are kept; a new one takes the place of the oldest.
const COMPLAINTS_MAX: usize = 64;
/// What was only met is forgotten after this long.
const FORGET: SignedDuration = SignedDuration::from_hours(1);

/// Something that the wall has to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaint {
    /// In words.
    pub text: String,
    /// Since when it is so.
    pub since: Timestamp,
    /// How often it was met.
    pub times: u32,
    last: Timestamp,
    about: Option<&'static str>,
}

/// What the wall has to say.
#[derive(Debug, Default)]
pub struct Complaints(Vec<Complaint>);

impl Complaints {
    /// Something was met that is wrong.
    pub fn meet(&mut self, text: String, now: Timestamp) {
        self.put(text, None, now);
    }

    /// Everything that is wrong about something, now. What is not among it any more is over. False if nothing changes.
    pub fn about(&mut self, what: &'static str, texts: Vec<String>, now: Timestamp) -> bool {
        let is_known = |text: &String| self.0.iter().any(|c| c.about == Some(what) && c.text == *text);
        let known = self.0.iter().filter(|c| c.about == Some(what)).count();
        if texts.len() == known && texts.iter().all(is_known) {
            return false;
        }
        self.0.retain(|c| c.about != Some(what) || texts.contains(&c.text));
        for text in texts {
            if !self.0.iter().any(|c| c.about == Some(what) && c.text == text) {
                self.put(text, Some(what), now);
            }
        }
        true
    }

    /// True if something is to be forgotten by now.
    #[must_use]
    pub fn is_old(&self, now: Timestamp) -> bool {
        self.0.iter().any(|c| is_old(c, now))
    }

    /// Forgets what nobody has met for long.
    pub fn forget(&mut self, now: Timestamp) {
        self.0.retain(|c| !is_old(c, now));
    }

    /// The newest first.
    pub fn newest(&self) -> impl Iterator<Item = &Complaint> {
        self.0.iter().rev()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    fn put(&mut self, text: String, about: Option<&'static str>, now: Timestamp) {
        if let Some(known) = self.0.iter_mut().find(|c| c.about == about && c.text == text) {
            (known.times, known.last) = (known.times.saturating_add(1), now);
            return;
        }
        warn!("{text}");
        if self.0.len() >= COMPLAINTS_MAX {
            self.0.remove(0);
        }
        self.0.push(Complaint { text, since: now, times: 1, last: now, about });
    }
}

fn is_old(complaint: &Complaint, now: Timestamp) -> bool {
    complaint.about.is_none() && now.duration_since(complaint.last) > FORGET
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(complaints: &Complaints) -> Vec<&str> {
        complaints.newest().map(|c| c.text.as_str()).collect()
    }

    #[test]
    fn what_is_over_is_taken_out_and_what_was_only_met_is_forgotten() {
        let now = Timestamp::UNIX_EPOCH;
        let mut complaints = Complaints::default();
        complaints.meet("tile".to_owned(), now);
        complaints.meet("tile".to_owned(), now);
        assert!(complaints.about("queries", vec!["a".to_owned(), "b".to_owned()], now));
        assert!(!complaints.about("queries", vec!["b".to_owned(), "a".to_owned()], now), "nothing new");
        assert!(complaints.about("layers", vec!["c".to_owned()], now));
        assert_eq!(texts(&complaints), ["c", "b", "a", "tile"]);
        complaints.about("queries", vec!["b".to_owned()], now);
        assert_eq!((texts(&complaints), complaints.newest().last().unwrap().times), (vec!["c", "b", "tile"], 2));
        let later = now + FORGET + SignedDuration::from_secs(1);
        assert!(complaints.is_old(later));
        complaints.forget(later);
        assert_eq!(texts(&complaints), ["c", "b"], "what is still so stays");
    }

    #[test]
    fn many_old_ones_never_hide_a_new_one() {
        let mut complaints = Complaints::default();
        (0..500).for_each(|n| complaints.meet(n.to_string(), Timestamp::UNIX_EPOCH));
        assert_eq!((texts(&complaints)[0], complaints.len()), ("499", COMPLAINTS_MAX));
    }
}
