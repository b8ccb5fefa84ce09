//! Every named limit of the engine, in one place.
//!
//! A limit refuses with a message that names it; it never truncates in silence.

/// Longest collection id, in bytes.
pub const COLLECTION_ID_BYTES_MAX: usize = 64;
/// Longest item id, in bytes of UTF-8.
pub const ITEM_ID_BYTES_MAX: usize = 256;
/// Most fields in one collection's schema.
pub const FIELDS_MAX: usize = 512;
/// Longest name of a field, in bytes of UTF-8.
pub const FIELD_NAME_BYTES_MAX: usize = 256;
/// Most bytes of one text or JSON value.
pub const VALUE_BYTES_MAX: usize = 1 << 20;
/// Most bytes of one geometry's WKB.
pub const GEOMETRY_BYTES_MAX: usize = 64 << 20;
/// Most vertices of one geometry: what fits into [`GEOMETRY_BYTES_MAX`] in two dimensions.
pub const GEOMETRY_VERTICES_MAX: usize = GEOMETRY_BYTES_MAX / 16;
/// Deepest nesting of geometry collections.
pub const GEOMETRY_DEPTH_MAX: usize = 8;
/// Longest line of a newline-delimited source, in bytes; a longer one is refused, not read.
pub const LINE_BYTES_MAX: usize = 64 << 20;
/// Most properties of one live item.
pub const EVENT_PROPERTIES_MAX: usize = 256;
/// Most bytes of one live item's properties as JSON.
pub const EVENT_BYTES_MAX: usize = 256 << 10;
/// Most records in one ingest batch.
pub const INGEST_BATCH_RECORDS_MAX: usize = 100_000;
/// Most bytes of one ingest request's body.
pub const INGEST_BODY_BYTES_MAX: usize = 64 << 20;
/// Most ingest batches that wait for the writer; the next one is told to come back later.
pub const INGEST_QUEUE_MAX: usize = 1024;
/// Most records that wait for the writer over all batches.
pub const INGEST_QUEUE_RECORDS_MAX: usize = 400_000;
/// An event may claim to happen at most this far in the future, in seconds (clocks differ).
pub const EVENT_FUTURE_SECONDS_MAX: i64 = 24 * 3600;
/// Features in an items page when the client names no limit (OGC API – Features, `limit`).
pub const ITEMS_LIMIT_DEFAULT: usize = 10;
/// Most features in an items page.
pub const ITEMS_LIMIT_MAX: usize = 10_000;
/// Most cells of an elevation grid.
pub const GRID_CELLS_MAX: usize = 64 << 20;
/// Most pixels of an imported picture.
pub const IMAGERY_PIXELS_MAX: usize = 16 << 30;
/// Finest level of imagery in WebMercatorQuad: 4 cm to the pixel at the equator.
pub const IMAGERY_LEVEL_MAX: u32 = 22;
/// Rows that an import writes in one transaction, so that events are never kept waiting long.
pub const IMPORT_BATCH_ROWS_MAX: usize = 2_000;
/// Bytes that an import writes in one transaction.
pub const IMPORT_BATCH_BYTES_MAX: usize = 2 << 20;
/// Most bytes of one vector tile before compression; a larger one is thinned and says so.
pub const TILE_BYTES_MAX: usize = 500_000;
/// Deepest zoom level of a tile.
pub const TILE_ZOOM_MAX: u8 = 22;
/// Most changed tiles that one message names; more are all.
pub const TILES_CHANGED_MAX: usize = 4096;
/// Most tiles of one zoom level in a tile archive.
pub const ARCHIVE_TILES_MAX: u64 = 4 << 20;
/// Most bytes that the tile cache holds.
pub const TILE_CACHE_BYTES_MAX: u64 = 256 << 20;
/// Free disk below which writes are refused, in bytes.
pub const DISK_FREE_BYTES_MIN: u64 = 256 << 20;
/// Most deltas kept in memory for a subscriber that resumes.
pub const PUSH_HISTORY_MAX: usize = 65_536;
/// Deltas that may wait for one subscriber before it is cut off.
pub const SUBSCRIBER_QUEUE_MAX: usize = 32_768;
/// Most subscribers at once.
pub const SUBSCRIBERS_MAX: usize = 4_096;
/// Most different texts (sources, areas) that are kept once for all items.
pub const INTERNED_MAX: usize = 262_144;
/// Largest number that stands for a live item's id: most items that a live collection ever has.
pub const LIVE_FID_MAX: u64 = u32::MAX as u64 - 1;
/// Most drafts that a reaction may add to one commit.
pub const REACTION_DRAFTS_MAX: usize = 100_000;
/// Most bytes of a refused record that are kept for review.
pub const REFUSED_TEXT_BYTES_MAX: usize = 4 << 10;
/// Most refused records that are kept; the oldest go first.
pub const REFUSED_RECORDS_MAX: usize = 100_000;
/// Most pairs of a collection and a reason whose refused records are counted apart; what is refused
/// of further collections counts as of `other`.
pub const REFUSED_COUNTS_MAX: usize = 1_000;
/// Most bytes of all orders of columns, which filters on attributes are answered by; without room
/// for its order a filter looks at every item.
pub const ORDERS_BYTES_MAX: usize = 512 << 20;
/// Most bytes of one CQL2 filter.
pub const FILTER_BYTES_MAX: usize = 1 << 20;
/// Deepest nesting of one CQL2 filter: parentheses, NOT, functions, chains of arithmetic.
pub const FILTER_DEPTH_MAX: usize = 48;
/// Most changes of one collection that are remembered to tell which tiles they touched.
pub const TOUCHES_MAX: usize = 65_536;
/// Most letters that are kept for one target, those that came back among them.
pub const OUTBOX_LETTERS_MAX: usize = 100_000;
/// Most pasts of collections that are kept ready, so that the pages of one answer are read once.
pub const PAST_VIEWS_MAX: usize = 16;
/// Most items in all of them, the last one aside.
pub const PAST_ITEMS_MAX: u64 = 1_000_000;
/// Most states in all snapshots of the past that are kept in memory, eight bytes each; past that,
/// every second snapshot goes.
pub const PAST_SNAPSHOT_STATES_MAX: usize = 16_000_000;
/// How often the snapshots of one collection may be set twice as far apart.
pub const PAST_SNAPSHOT_HALVINGS_MAX: u32 = 16;
/// Most replaced versions that a layer keeps.
pub const VERSIONS_KEPT_MAX: u32 = 24;
/// Most kept versions that are ready in memory, over all layers; each is read when first asked for.
pub const VERSIONS_READY_MAX: usize = 4;
/// Most items that one analysis looks at.
pub const ANALYSIS_ROWS_MAX: u64 = 20_000_000;
/// Longest time of one analysis, in seconds.
pub const ANALYSIS_SECONDS_MAX: u64 = 30;
/// Most neighbours that are asked for at once.
pub const ANALYSIS_NEAREST_MAX: usize = 1_000;
/// Most groups of an aggregate.
pub const ANALYSIS_GROUPS_MAX: usize = 100_000;
/// Most pairs of a join.
pub const ANALYSIS_PAIRS_MAX: usize = 200_000;
/// Most vertices of the shapes of an overlay or a join.
pub const ANALYSIS_VERTICES_MAX: usize = 2_000_000;
/// Most items that one question takes as points, for clusters and densities.
pub const ANALYSIS_POINTS_MAX: usize = 1_000_000;
/// Most vertices of the lines that become one network.
pub const NETWORK_VERTICES_MAX: usize = 10_000_000;
/// Most networks that are kept between questions.
pub const NETWORKS_KEPT_MAX: usize = 8;
/// Most bands of one question about what is within reach.
pub const REACH_BANDS_MAX: usize = 16;
/// Most cells of one raster of what can be seen.
pub const VIEWSHED_CELLS_MAX: usize = 4_000_000;
