//! What the cameras nearest to the view see.

use super::{content::Body, sources::Sources};
use crate::{
    net::{SNAPSHOT_OLD, Still, Thing},
    render::Glyph,
};
use std::sync::Arc;

/// A camera and its picture.
#[derive(Clone, Debug)]
pub struct Camera {
    /// What it is called.
    pub name: String,
    /// Where it looks, degrees clockwise from north.
    pub heading: f64,
    /// What it sees.
    pub still: Option<Arc<Still>>,
    /// Why it has no picture, or why that is old.
    pub note: String,
}

impl PartialEq for Camera {
    /// Two pictures are the same if they came at the same moment.
    fn eq(&self, other: &Self) -> bool {
        let key = |camera: &Self| (camera.name.clone(), camera.heading.to_bits(), camera.note.clone());
        key(self) == key(other) && self.still.as_ref().map(|still| still.at) == other.still.as_ref().map(|still| still.at)
    }
}

/// The pictures of the cameras that work and are nearest to the middle of the view.
pub fn cameras(s: &Sources<'_>) -> Body {
    let Some(things) = s.things.shown.iter().find(|t| t.spec.glyph == Glyph::Camera) else {
        return Body::Nothing("场景没有标注摄像机".to_owned());
    };
    let away = |p: &[f32; 2]| (f64::from(p[0]) - s.view.0[0]).hypot(f64::from(p[1]) - s.view.0[1]);
    let works = |i: &usize| !things.spec.out_of_order.iter().any(|o| things.list[*i].words.iter().any(|w| (&w.0, &w.1) == o));
    let mut nearest: Vec<usize> = (0..things.list.len()).filter(works).collect();
    if nearest.len() > 2 {
        nearest.select_nth_unstable_by(2, |a, b| away(&things.places[*a]).total_cmp(&away(&things.places[*b])));
        nearest.truncate(2);
    }
    nearest.sort_by(|a, b| away(&things.places[*a]).total_cmp(&away(&things.places[*b])));
    if nearest.is_empty() {
        return Body::Nothing("附近没有在线的摄像机".to_owned());
    }
    let is_generated = s.collection(&things.spec.collection).is_some_and(|c| c.generated);
    Body::Cameras { cameras: nearest.into_iter().map(|i| camera(&things.list[i], s)).collect(), is_generated }
}

fn camera(thing: &Thing, s: &Sources<'_>) -> Camera {
    let (still, note) = match thing.snapshot.as_deref() {
        None => (None, "没有画面地址".to_owned()),
        // The wall calls no other server; two slashes begin another one's address.
        Some(path) if !path.starts_with('/') || path.starts_with("//") => (None, "画面不在本服务器上".to_owned()),
        Some(path) => {
            let known = s.snapshots.ask(path);
            let is_old = known.still.as_ref().is_some_and(|still| s.now.0.saturating_duration_since(still.at) > SNAPSHOT_OLD);
            let note = match (&known.still, known.failure) {
                (None, None) => "正在读取画面 …".to_owned(),
                (None, Some(why)) => why,
                (Some(_), _) if is_old => "画面已旧".to_owned(),
                (Some(_), _) => String::new(),
            };
            (known.still, note)
        }
    };
    Camera { name: thing.name.clone(), heading: thing.heading, still, note }
}
