//! Named limits of the server; those that the engine shares are in [`citywall_model::limits`].
//!
//! A limit refuses with a message that names it; it never truncates in silence.

/// Most header fields of one request.
pub const HEADERS_MAX: usize = 100;
/// Most bytes of one request's head.
pub const HEADER_BYTES_MAX: usize = 64 << 10;
/// Longest wait for a request's head, in seconds.
pub const HEADER_SECONDS_MAX: u64 = 15;
/// Longest wait for a request's body, in seconds.
pub const BODY_SECONDS_MAX: u64 = 60;
/// Most bytes of a body that is not an ingest batch.
pub const SMALL_BODY_BYTES_MAX: usize = 64 << 10;
/// Most bytes of a body that is too large which are still taken, and dropped, before it is refused.
pub const REFUSED_BODY_BYTES_MAX: usize = 16 << 20;
/// Longest time that such a body is taken for, in seconds.
pub const REFUSED_BODY_SECONDS_MAX: u64 = 5;
/// Most bytes of one edited item: a drawn outline may have tens of thousands of vertices.
pub const EDIT_BODY_BYTES_MAX: usize = 1 << 20;
/// Most exports of items that run at once.
pub const EXPORTS_MAX: usize = 32;
/// Most exports that are told of; the oldest is forgotten for a new one.
pub const EXPORTS_TOLD_MAX: usize = 256;
/// Longest name that a client gives an export, in bytes.
pub const EXPORT_NAME_BYTES_MAX: usize = 64;
/// Most items in one record batch of an export.
pub const EXPORT_BATCH_ROWS_MAX: usize = 8_192;
/// Bytes from which on a record batch of an export is full.
pub const EXPORT_BATCH_BYTES_MAX: usize = 2 << 20;
/// Most bytes of one row group of a GeoParquet export: so much is kept until it is written.
pub const EXPORT_ROW_GROUP_BYTES_MAX: usize = 8 << 20;
/// Most open connections.
pub const CONNECTIONS_MAX: usize = 8_192;
/// Most requests that are worked on at once; the next is told to come back.
pub const REQUESTS_MAX: usize = 2_048;
/// Longest time for open requests to end after a signal, in seconds.
pub const DRAIN_SECONDS_MAX: u64 = 10;
/// Seconds between two checkpoints of the journal.
pub const CHECKPOINT_SECONDS: u64 = 10;
/// Changes after which the journal is folded into the tables before that.
pub const CHECKPOINT_CHANGES: u64 = 500_000;
/// Seconds between two heartbeats on a live line.
pub const HEARTBEAT_SECONDS: u64 = 5;
/// Longest time that a subscriber may take to read one message, in seconds.
pub const SEND_SECONDS_MAX: u64 = 15;
/// Shortest time between two messages of a subscription while changes come without end, in
/// milliseconds: small commits then share a message.
pub const PUSH_PACE_MS: u64 = 10;
/// Most subscriptions of one line.
pub const LINE_SUBSCRIPTIONS_MAX: usize = 32;
/// Longest id of a subscription, in bytes.
pub const SUBSCRIPTION_ID_BYTES_MAX: usize = 64;
/// Most bytes of one message from a subscriber.
pub const SUBSCRIBE_BYTES_MAX: usize = 16 << 10;
/// Most changes in one delta message; more become several.
pub const DELTA_CHANGES_MAX: usize = 1_000;
/// Most items in one part of a snapshot.
pub const SNAPSHOT_PART_ITEMS_MAX: usize = 1_000;
/// Most browser sessions at once; the oldest ends for a new one.
pub const SESSIONS_MAX: usize = 10_000;
/// Life of a browser session, in seconds.
pub const SESSION_SECONDS_MAX: u64 = 12 * 3600;
/// Most collections in one combined tile.
pub const TILE_COLLECTIONS_MAX: usize = 32;
/// Most styles of a city.
pub const STYLES_MAX: usize = 1_000;
/// Most changes of styles that a live line may be behind.
pub const STYLE_NEWS_MAX: usize = 16;
/// Most bytes of one style.
pub const STYLE_BYTES_MAX: usize = 256 << 10;
/// Longest id of a style, in bytes.
pub const STYLE_ID_BYTES_MAX: usize = 64;
/// Deepest nesting of an expression in a style.
pub const STYLE_DEPTH_MAX: usize = 32;
/// Most changes that a trial of a rule goes through.
pub const TRIAL_CHANGES_MAX: usize = 1_000_000;
/// Most alarms that a trial lists.
pub const TRIAL_ALARMS_MAX: usize = 10_000;
/// Most bytes of the tileset.json of a foreign tileset.
pub const TILESET_BYTES_MAX: u64 = 16 << 20;
/// Seconds between two looks at which tiles have changed.
pub const TILE_CHANGES_SECONDS: u64 = 1;
/// Most finished import jobs that are remembered.
pub const JOBS_KEPT_MAX: usize = 100;
/// Most import jobs that wait or run.
pub const JOBS_OPEN_MAX: usize = 16;
/// Shortest secret of a token, in bytes.
pub const TOKEN_BYTES_MIN: usize = 16;
/// Most targets, hooks of the Redis port among them; each has a thread.
pub const TARGETS_MAX: usize = 1_024;
/// Longest timeout of a target, in seconds.
pub const TARGET_TIMEOUT_SECONDS_MAX: f64 = 120.0;
/// Longest age and wait of a letter, in seconds.
pub const TARGET_AGE_SECONDS_MAX: f64 = 30.0 * 24.0 * 3600.0;
/// Letters that a target's thread reads at a time.
pub const TARGET_LETTERS_READ_MAX: usize = 100;
/// How often a target without letters looks whether there are any, in seconds.
pub const TARGET_IDLE_SECONDS: u64 = 10;
/// How often a target's item says how it stands, in seconds.
pub const TARGET_REPORT_SECONDS: u64 = 2;
/// Most letters that came back in one answer.
pub const DEAD_LETTERS_PAGE_MAX: usize = 1_000;
/// Bytes of newline-delimited records that are taken as one batch.
pub const INGEST_BATCH_BYTES_MAX: usize = 1 << 20;
/// Most bytes of one newline-delimited record; a longer one is refused by itself.
pub const INGEST_RECORD_BYTES_MAX: usize = 1 << 20;
/// Most refused records that one answer lists.
pub const INGEST_REFUSALS_LISTED_MAX: usize = 1_000;
/// Longest wait of a body that has begun for the writer's queue, in seconds.
pub const INGEST_WAIT_SECONDS_MAX: u64 = 30;
/// Most refused records that wait to be written; more are only counted.
pub const REFUSED_WAITING_MAX: usize = 10_000;
/// Most refused records in one page of the list.
pub const REFUSED_PAGE_MAX: usize = 1_000;
/// Most sources that are registered by themselves when they are first heard.
pub const SOURCES_MAX: usize = 10_000;
/// Seconds between two writes of a source's counts.
pub const SOURCES_SECONDS: u64 = 10;
/// Most bytes of one frame of the ingest socket.
pub const INGEST_FRAME_BYTES_MAX: usize = 8 << 20;
/// Most frames of the ingest socket that are taken together.
pub const INGEST_FRAMES_MAX: usize = 256;
/// Most ingest sockets at once.
pub const INGEST_SOCKETS_MAX: usize = 1_024;
/// Most MQTT messages that wait to be taken, and most that are taken together.
pub const MQTT_WAITING_MAX: usize = 8_192;
/// Longest wait between two attempts to reach a broker, in seconds.
pub const MQTT_RETRY_SECONDS_MAX: u64 = 30;
/// Most states of an item in one page of its history.
pub const STATES_PAGE_MAX: usize = 10_000;
/// Most positions in one page of a track.
pub const TRACK_POINTS_MAX: usize = 10_000;
/// Most observations or buckets in one page of a series.
pub const SERIES_PAGE_MAX: usize = 10_000;
/// Observations after which a page of buckets ends with the bucket that they fill.
pub const SERIES_OBSERVATIONS_MAX: usize = 1_000_000;
/// Most replays at once.
pub const REPLAYS_MAX: usize = 64;
/// Most seconds of the past that pass in one second of a replay.
pub const REPLAY_SPEED_MAX: f64 = 86_400.0;
/// Most messages of a replay that wait for its reader.
pub const REPLAY_MESSAGES_MAX: usize = 64;
/// Most changes of a collection that a replay reads ahead, and most that it tells together.
pub const REPLAY_CHANGES_MAX: usize = 4_096;
/// Seconds between two looks at what has aged out.
pub const RETENTION_SECONDS: u64 = 3600;
/// Most items that one step of an expiry looks at.
pub const RETENTION_ITEMS_MAX: usize = 2_000;
/// Most changes that one step of an expiry removes.
pub const RETENTION_CHANGES_MAX: usize = 2_000;
/// Pause between two steps of an expiry, in milliseconds.
pub const RETENTION_PAUSE_MS: u64 = 20;
/// A clock that moves by so many seconds more or less than time itself has jumped.
pub const CLOCK_JUMP_SECONDS: i64 = 300;
/// Seconds after a jump of the clock in which nothing is removed from the history.
pub const CLOCK_HOLD_SECONDS: u64 = 24 * 3600;
/// Most bytes of a question of an analyst: a drawn outline may have tens of thousands of vertices.
pub const QUERY_BODY_BYTES_MAX: usize = 4 << 20;
/// Most collections of one question.
pub const QUERY_COLLECTIONS_MAX: usize = 32;
/// Most arguments of one Redis command.
pub const REDIS_ARGUMENTS_MAX: usize = 16_384;
/// Most bytes of one Redis command.
pub const REDIS_COMMAND_BYTES_MAX: usize = 8 << 20;
/// Most bytes of a Redis command that is a line of words.
pub const REDIS_LINE_BYTES_MAX: usize = 64 << 10;
/// Most Redis connections.
pub const REDIS_CONNECTIONS_MAX: usize = 4_096;
/// Most bytes of replies that wait for a Redis client before it gets no further commands done.
pub const REDIS_REPLY_BYTES_MAX: usize = 1 << 20;
/// Most records of pipelined Redis commands that are written at once.
pub const REDIS_BATCH_MAX: usize = 4_096;
/// Most messages that wait for one Redis subscriber before it is cut off.
pub const REDIS_MESSAGES_MAX: usize = 65_536;
/// Most channels and hooks.
pub const REDIS_CHANNELS_MAX: usize = 1_000_000;
/// Most tests of the text of one pattern, so that no pattern takes long.
pub const REDIS_PATTERN_STEPS_MAX: usize = 1 << 16;
/// How often it is looked for objects whose time is over, in milliseconds.
pub const REDIS_EXPIRE_MS: u64 = 100;
/// Most questions that run as jobs at the same time.
pub const ANALYSES_AT_ONCE_MAX: usize = 2;
/// Most questions that wait or run as jobs.
pub const ANALYSES_OPEN_MAX: usize = 64;
/// Most questions that were answered as jobs and are remembered.
pub const ANALYSES_KEPT_MAX: usize = 200;
/// Most bytes of their answers that are kept; the oldest go first.
pub const ANALYSES_KEPT_BYTES_MAX: usize = 512 << 20;
/// How long they are kept, in seconds.
pub const ANALYSES_KEPT_SECONDS_MAX: u64 = 24 * 3600;
/// Most bytes of the answer of one job.
pub const ANALYSIS_RESULT_BYTES_MAX: usize = 128 << 20;
/// Longest time that a question may take as a job, in seconds.
pub const ANALYSIS_JOB_SECONDS_MAX: u64 = 600;
/// Most aggregates that are kept between their tiles.
pub const CHOROPLETHS_KEPT_MAX: usize = 16;
/// Seconds after which what an input of a process refers to must have come.
pub const REFERENCE_SECONDS_MAX: u64 = 10;
