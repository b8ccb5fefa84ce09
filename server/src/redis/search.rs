//! SCAN, NEARBY, WITHIN and INTERSECTS: what is asked, and the answer from the collection's tree.

use super::{
    area::{self, Area, Relation},
    arguments::{Arguments, Fault},
    codec::Reply,
    filter::Filter,
    keys,
    object::{Form, Object, quoted},
};
use citywall_model::LiveItem;
use citywall_query::{City, CollectionView};
use geo::Point;
use std::collections::BTreeSet;

/// How many objects are told where nothing else is asked for.
const LIMIT: usize = 100;

/// Which command searches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Everything in order of id.
    Scan,
    /// What is near, the nearest first.
    Nearby,
    /// What lies in an area.
    Area(Relation),
}

/// What is looked for.
#[derive(Clone, Debug)]
pub enum Target {
    /// Everything, in the order of the ids, backwards if so.
    All(bool),
    /// What is near a place, at most so many metres away.
    Near(Point, Option<f64>),
    /// What lies so in an area.
    In(Area, Relation),
}

/// What a fence adds to a search.
#[derive(Clone, Debug, Default)]
pub struct FenceOptions {
    /// FENCE was said.
    pub is_fence: bool,
    /// What is told of; everything without.
    pub detect: Option<BTreeSet<String>>,
    /// The commands that are told of; all without.
    pub commands: Option<BTreeSet<String>>,
}

/// A search.
#[derive(Clone, Debug)]
pub struct Search {
    /// The key that is searched.
    pub key: String,
    /// What is looked for.
    pub target: Target,
    /// What else an object must be.
    pub filter: Filter,
    /// As what it is told.
    pub form: Form,
    /// With its distance.
    pub distance: bool,
    /// Without its fields.
    pub no_fields: bool,
    /// FENCE, DETECT and COMMANDS.
    pub fence: FenceOptions,
    cursor: usize,
    limit: Option<usize>,
}

impl Search {
    /// Reads the arguments after the command's name.
    ///
    /// # Errors
    /// Something is missing, stands twice or makes no sense.
    pub fn read(verb: Verb, arguments: &mut Arguments<'_>, city: &City) -> Result<Self, Fault> {
        let mut search = Self {
            key: arguments.word()?.to_owned(),
            target: Target::All(false),
            filter: Filter::default(),
            form: Form::Objects,
            distance: false,
            no_fields: false,
            fence: FenceOptions::default(),
            cursor: 0,
            limit: None,
        };
        let backwards = search.options(verb, arguments)?;
        search.form(verb, arguments)?;
        search.target = match verb {
            Verb::Scan => Target::All(backwards),
            Verb::Nearby => {
                let kind = arguments.word()?;
                if !kind.eq_ignore_ascii_case("point") {
                    return Err(Fault::argument(kind));
                }
                let place = area::take_point(arguments)?;
                let metres = match arguments.left() {
                    0 => None,
                    _ => Some(arguments.number()?).filter(|metres| *metres > 0.0),
                };
                Target::Near(place, metres)
            }
            // BOUNDS without a form before it is the area.
            Verb::Area(relation) if search.form == Form::Bounds && arguments.peek().is_some_and(|text| text.parse::<f64>().is_ok()) => {
                search.form = Form::Objects;
                Target::In(Area::take_bounds(arguments)?, relation)
            }
            Verb::Area(relation) => Target::In(Area::take(arguments, city)?, relation),
        };
        arguments.end()?;
        Ok(search)
    }

    /// Reads the options before the form, and tells whether DESC was among them.
    fn options(&mut self, verb: Verb, arguments: &mut Arguments<'_>) -> Result<bool, Fault> {
        let (mut seen, mut backwards, mut cursor) = (BTreeSet::new(), false, None);
        while let Some(word) = arguments.peek() {
            let option = word.to_ascii_lowercase();
            let many = ["where", "wherein", "match"].contains(&&*option);
            if !many && !["cursor", "limit", "nofields", "fence", "detect", "commands", "distance", "asc", "desc"].contains(&&*option) {
                if ["whereeval", "whereevalsha", "sparse", "clip", "buffer", "nodwell"].contains(&&*option) {
                    return Err(Fault::new(format!("{} is not known here", option.to_ascii_uppercase())));
                }
                break;
            }
            arguments.word()?;
            if !many && !seen.insert(option.clone()) {
                return Err(Fault::twice(word));
            }
            match option.as_str() {
                "where" => self.filter.take_where(arguments)?,
                "wherein" => self.filter.take_where_in(arguments)?,
                "match" => self.filter.patterns.push(arguments.word()?.to_owned()),
                "cursor" => cursor = Some(arguments.whole(0, u64::MAX)?),
                "limit" => self.limit = Some(usize::try_from(arguments.whole(1, u64::MAX)?).unwrap_or(usize::MAX)),
                "nofields" => self.no_fields = true,
                "fence" => self.fence.is_fence = true,
                "distance" => self.distance = true,
                "desc" => backwards = true,
                "detect" => {
                    let list = arguments.word()?;
                    let words = words(list)?;
                    if words.iter().any(|word| !["inside", "outside", "enter", "exit", "cross"].contains(&word.as_str())) {
                        return Err(Fault::argument(list));
                    }
                    self.fence.detect = Some(words);
                }
                "commands" => self.fence.commands = Some(words(arguments.word()?)?),
                _ => {}
            }
        }
        let refused = match verb {
            Verb::Scan => ["fence", "detect"].as_slice(),
            _ => ["desc", "asc"].as_slice(),
        };
        if let Some(option) = refused.iter().find(|option| seen.contains(**option)) {
            let verb = match verb {
                Verb::Scan => "SCAN",
                Verb::Nearby => "NEARBY",
                Verb::Area(Relation::Within) => "WITHIN",
                Verb::Area(Relation::Intersects) => "INTERSECTS",
            };
            return Err(Fault::new(format!("{} is not allowed for {verb}", option.to_ascii_uppercase())));
        }
        if cursor.is_some() && self.fence.is_fence {
            return Err(Fault::new("CURSOR is not allowed when FENCE is specified"));
        }
        if self.fence.detect.is_some() && !self.fence.is_fence {
            return Err(Fault::new("DETECT is not allowed when FENCE is not specified"));
        }
        self.cursor = usize::try_from(cursor.unwrap_or(0)).unwrap_or(usize::MAX);
        Ok(backwards)
    }

    fn form(&mut self, verb: Verb, arguments: &mut Arguments<'_>) -> Result<(), Fault> {
        let Some(word) = arguments.peek() else { return Ok(()) };
        self.form = match word.to_ascii_lowercase().as_str() {
            "count" => Form::Count,
            "objects" => Form::Objects,
            "points" => Form::Points,
            "bounds" => Form::Bounds,
            "ids" => Form::Ids,
            "hashes" => {
                arguments.word()?;
                self.form = Form::Hashes(usize::try_from(arguments.whole(1, 12)?).unwrap_or(12));
                return Ok(());
            }
            _ if verb == Verb::Scan => return Err(Fault::argument(word)),
            _ => return Ok(()),
        };
        arguments.word().map(|_| ())
    }

    /// Answers it.
    pub fn answer(&self, city: &City, json: bool) -> Reply {
        let found = keys::view(city, &self.key).map(|view| self.find(&view)).unwrap_or_default();
        self.write(&found, json)
    }

    /// What it finds. O(log n + k log k) for k items in the windows of the area; NEARBY is
    /// O(log n + k) for the k items that it tells; SCAN is O(n log n).
    fn find(&self, view: &CollectionView) -> Found {
        let limit = self.limit.unwrap_or(if self.form == Form::Count { usize::MAX } else { LIMIT });
        let mut found = Found::default();
        match &self.target {
            Target::All(backwards) => {
                let mut items = view.open_items();
                if self.form == Form::Count && self.filter.is_empty() {
                    found.count = items.len().saturating_sub(self.cursor);
                    return found;
                }
                items.retain(|item| self.filter.patterns.is_empty() || self.filter.holds(item));
                items.sort_unstable_by(|a, b| if *backwards { b.id().cmp(a.id()) } else { a.id().cmp(b.id()) });
                self.take(&mut found, limit, items.into_iter().map(|item| (item, 0.0)));
            }
            // What is only counted need not be taken out, nor put in order.
            Target::In(area, relation) if self.form == Form::Count && self.filter.is_empty() && self.cursor == 0 => {
                let count =
                    view.count_open_in(&area.windows(), |x, y| area.holds_point(Point::new(x, y)), |item| area.holds(item, *relation));
                found.count = count.min(limit);
            }
            Target::In(area, relation) => {
                let items = view.open_items_in(&area.windows());
                let within = items.into_iter().filter(|item| area.holds(item, *relation));
                self.take(&mut found, limit, within.map(|item| (item, 0.0)));
            }
            Target::Near(place, metres) => self.take(&mut found, limit, self.nearest(view, *place, *metres, limit).into_iter()),
        }
        found
    }

    /// What is near, the nearest first: as many as are told, or more where the filter leaves some out.
    fn nearest(&self, view: &CollectionView, place: Point, metres: Option<f64>, limit: usize) -> Vec<(LiveItem, f64)> {
        let wanted = self.cursor.saturating_add(limit);
        let mut asked = wanted;
        loop {
            let items = view.open_items_near(&area::From::new(place), asked, metres.unwrap_or(f64::INFINITY));
            let is_all = items.len() < asked;
            if is_all || items.iter().filter(|(item, _)| self.filter.holds(item)).take(wanted).count() == wanted {
                return items;
            }
            asked = asked.saturating_mul(4);
        }
    }

    /// Takes what the filter lets through, from the cursor on and up to the limit.
    fn take(&self, found: &mut Found, limit: usize, items: impl Iterator<Item = (LiveItem, f64)>) {
        for (at, (item, distance)) in items.enumerate().skip(self.cursor) {
            if !self.filter.holds(&item) {
                continue;
            }
            found.count += 1;
            if self.form != Form::Count {
                found.items.push((item, distance));
            }
            if found.count >= limit {
                found.cursor = if self.form == Form::Count { 0 } else { at + 1 };
                return;
            }
        }
    }

    fn write(&self, found: &Found, json: bool) -> Reply {
        if json {
            return Reply::Bulk(self.write_json(found));
        }
        if self.form == Form::Count {
            return Reply::Integer(i64::try_from(found.count).unwrap_or(i64::MAX));
        }
        let replies = found.items.iter().map(|(item, distance)| self.item(item, *distance)).collect();
        Reply::Array(vec![Reply::Integer(i64::try_from(found.cursor).unwrap_or(0)), Reply::Array(replies)])
    }

    fn item(&self, item: &LiveItem, distance: f64) -> Reply {
        if self.form == Form::Ids {
            let id = Reply::bulk(item.id());
            return if self.distance { Reply::Array(vec![id, Reply::float(distance)]) } else { id };
        }
        let object = Object::new(item);
        let mut parts = vec![Reply::bulk(item.id()), object.reply(self.form)];
        if !self.no_fields {
            parts.extend(object.fields_reply());
        }
        if self.distance {
            parts.push(Reply::float(distance));
        }
        Reply::Array(parts)
    }

    fn write_json(&self, found: &Found) -> String {
        let count = found.count;
        let objects: Vec<Object<'_>> = found.items.iter().map(|(item, _)| Object::new(item)).collect();
        let shows_fields = !self.no_fields && self.form != Form::Ids;
        let names: BTreeSet<&str> = if shows_fields {
            objects.iter().flat_map(|object| object.fields().into_iter().map(|(name, _)| name)).collect()
        } else {
            BTreeSet::new()
        };
        let list = |members: Vec<String>| members.join(",");
        let mut out = "{\"ok\":true".to_owned();
        if !names.is_empty() {
            out += &format!(",\"fields\":[{}]", list(names.iter().map(|name| quoted(name)).collect()));
        }
        let item = |(object, distance): (&Object<'_>, f64)| {
            let distance = if self.distance { format!(",\"distance\":{distance}") } else { String::new() };
            let id = quoted(object.item.id());
            if self.form == Form::Ids {
                return if self.distance { format!("{{\"id\":{id}{distance}}}") } else { id };
            }
            let values = names.iter().map(|name| object.field(name).to_string()).collect();
            let fields = if names.is_empty() { String::new() } else { format!(",\"fields\":[{}]", list(values)) };
            format!("{{\"id\":{id},{}{fields}{distance}}}", object.json(self.form))
        };
        let name = match self.form {
            Form::Ids => "ids",
            Form::Objects => "objects",
            Form::Points => "points",
            Form::Bounds => "bounds",
            Form::Hashes(_) => "hashes",
            Form::Count => "",
        };
        if !name.is_empty() {
            let items = objects.iter().zip(found.items.iter().map(|(_, distance)| *distance)).map(item).collect();
            out += &format!(",\"{name}\":[{}]", list(items));
        }
        out + &format!(",\"count\":{count},\"cursor\":{},\"elapsed\":\"0s\"}}", found.cursor)
    }
}

fn words(list: &str) -> Result<BTreeSet<String>, Fault> {
    let mut words = BTreeSet::new();
    for word in list.split(',') {
        if !words.insert(word.trim().to_ascii_lowercase()) {
            return Err(Fault::twice(word));
        }
    }
    Ok(words)
}

/// What a search found.
#[derive(Default)]
struct Found {
    items: Vec<(LiveItem, f64)>,
    count: usize,
    /// Where to go on; 0 at the end.
    cursor: usize,
}
