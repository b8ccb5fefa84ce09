//! The door for Tile38's clients: their commands over the same collections, against brute force.

use crate::{
    harness::City,
    targets::{HANG, Mosquitto, OK, Receiver, free_port, wait},
};
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Command, Stdio},
};

/// A reply in RESP2, flattened: every string and number in order.
struct Client(BufReader<TcpStream>);

impl Client {
    fn at(port: u16) -> Self {
        // The door opens a moment after the city is ready.
        let connect = || {
            std::thread::sleep(std::time::Duration::from_millis(50));
            TcpStream::connect(("127.0.0.1", port)).ok()
        };
        let stream = std::iter::repeat_with(connect).take(200).flatten().next().unwrap();
        stream.set_read_timeout(Some(std::time::Duration::from_secs(30))).unwrap();
        Self(BufReader::new(stream))
    }

    fn send(&mut self, commands: &[String]) {
        let mut bytes = String::new();
        for command in commands {
            let words: Vec<&str> = command.split(' ').collect();
            bytes.push_str(&format!("*{}\r\n", words.len()));
            words.iter().for_each(|word| bytes.push_str(&format!("${}\r\n{word}\r\n", word.len())));
        }
        self.0.get_mut().write_all(bytes.as_bytes()).unwrap();
    }

    fn reply(&mut self) -> Vec<String> {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        let (kind, rest) = line.trim_end().split_at(1);
        match kind {
            "$" if rest == "-1" => Vec::new(),
            "$" => {
                let mut bytes = vec![0; rest.parse::<usize>().unwrap() + 2];
                self.0.read_exact(&mut bytes).unwrap();
                vec![String::from_utf8_lossy(&bytes[..bytes.len() - 2]).into_owned()]
            }
            "*" => (0..rest.parse::<usize>().unwrap()).flat_map(|_| self.reply()).collect(),
            "-" => vec![format!("error {rest}")],
            _ => vec![rest.to_owned()],
        }
    }

    fn ask(&mut self, command: &str) -> Vec<String> {
        self.send(&[command.to_owned()]);
        self.reply()
    }
}

fn metres((x0, y0): (f64, f64), (x1, y1): (f64, f64)) -> f64 {
    let (a, b) = (y0.to_radians(), y1.to_radians());
    let h = ((b - a) / 2.0).sin().powi(2) + a.cos() * b.cos() * ((x1 - x0).to_radians() / 2.0).sin().powi(2);
    2.0 * 6_371_008.8 * h.sqrt().asin()
}

#[test]
fn clients_of_tile38_set_find_and_are_told_and_everyone_sees_it() {
    let city = City::new();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let server = city.serve_configured(&format!("[redis]\nlisten = \"127.0.0.1:{port}\"\n"));
    let mut client = Client::at(port);
    assert_eq!(client.ask("PING"), ["PONG"]);
    let mut seed = 11u64;
    let mut next = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 40) as f64 / f64::from(1 << 24)
    };
    let points: Vec<(String, (f64, f64))> = (0..500).map(|at| (format!("v{at}"), (117.0 + next() * 0.5, 39.0 + next() * 0.4))).collect();
    let sets: Vec<String> = points.iter().map(|(id, (x, y))| format!("SET fleet {id} FIELD speed {} POINT {y} {x}", id.len())).collect();
    client.send(&sets);
    assert!(sets.iter().all(|_| client.reply() == ["OK"]));
    // The same items by the API, durable and with their places.
    assert_eq!(server.json("/collections/fleet/items?limit=1")["numberMatched"], 500);

    for _ in 0..40 {
        let (x, y, w) = (117.0 + next() * 0.5, 39.0 + next() * 0.4, next() * 0.2);
        let found: BTreeSet<String> =
            client.ask(&format!("WITHIN fleet LIMIT 1000 IDS BOUNDS {y} {x} {} {}", y + w, x + w)).into_iter().skip(1).collect();
        let expected = points.iter().filter(|(_, (px, py))| (x..=x + w).contains(px) && (y..=y + w).contains(py));
        assert_eq!(found, expected.map(|(id, _)| id.clone()).collect());
        let near = client.ask(&format!("NEARBY fleet LIMIT 7 IDS POINT {y} {x}"));
        let mut by_distance: Vec<(f64, &String)> = points.iter().map(|(id, at)| (metres((x, y), *at), id)).collect();
        by_distance.sort_by(|a, b| a.0.total_cmp(&b.0));
        assert_eq!(near[1..], by_distance[..7].iter().map(|(_, id)| (*id).clone()).collect::<Vec<_>>());
    }

    let mut listener = Client::at(port);
    assert_eq!(client.ask("SETCHAN zone WITHIN fleet FENCE DETECT enter,exit BOUNDS 39.9 117.9 40.0 118.0"), ["1"]);
    listener.send(&["SUBSCRIBE zone".to_owned()]);
    assert_eq!(listener.reply()[..2], ["subscribe", "zone"]);
    assert_eq!(client.ask("SET fleet v1 POINT 39.95 117.95"), ["OK"]);
    let told = listener.reply();
    assert!(told[0] == "message" && told[2].contains("\"detect\":\"enter\"") && told[2].contains("\"id\":\"v1\""), "{told:?}");
    assert_eq!(client.ask("DEL fleet v1"), ["1"]);
    assert_eq!(client.ask("GET fleet v1"), Vec::<String>::new());
    for bad in ["SET fleet", "SET fleet x POINT 99 abc", "NEARBY fleet POINT", "NOSUCH", "SCAN fleet LIMIT -1"] {
        assert!(client.ask(bad)[0].starts_with("error "), "{bad}");
    }
    assert_eq!(client.ask("PING"), ["PONG"]);
}

/// What a Tile38 server sends to its hooks for the same commands; its `time` and `group` are its own.
const FROM_TILE38: &str = r#"
{"command":"set","detect":"enter","hook":"h","meta":{"who":"me"},"key":"fleet","id":"v1","object":{"type":"Point","coordinates":[117.05,39.05]},"fields":{"speed":5}}
{"command":"set","detect":"exit","hook":"h","meta":{"who":"me"},"key":"fleet","id":"v1","object":{"type":"Point","coordinates":[117.5,39.5]},"fields":{"speed":5}}
{"command":"set","detect":"enter","hook":"h","meta":{"who":"me"},"key":"fleet","id":"v1","object":{"type":"Point","coordinates":[117.05,39.05]},"fields":{"speed":5}}
{"command":"del","hook":"h","meta":{"who":"me"},"key":"fleet","id":"v1"}
"#;

#[test]
fn hooks_send_what_those_of_tile38_send_though_one_hangs_and_the_server_is_killed() {
    let city = City::new();
    let config = |port: u16| format!("[redis]\nlisten = \"127.0.0.1:{port}\"\n");
    let (port, later) = (free_port(), free_port());
    let server = city.serve_configured(&config(port));
    let (receiver, hung, spare) = (Receiver::start(OK), Receiver::start(HANG), Receiver::start(OK));
    let area = "BOUNDS 39.0 117.0 39.1 117.1";
    let mut client = Client::at(port);
    let hook = format!("SETHOOK h {} META who me WITHIN fleet FENCE DETECT enter,exit {area}", receiver.url);
    assert_eq!((client.ask(&hook), client.ask(&hook)), (vec!["1".to_owned()], vec!["0".to_owned()]));
    assert_eq!(client.ask(&format!("SETHOOK hung {} WITHIN fleet FENCE {area}", hung.url)), ["1"]);
    // Nobody is at the first of these.
    let fallback = format!("SETHOOK spare http://127.0.0.1:{}/,{} WITHIN fleet FENCE IDS {area}", free_port(), spare.url);
    assert_eq!(client.ask(&fallback), ["1"]);
    assert_eq!(client.ask("SETCHAN c WITHIN fleet FENCE BOUNDS 39.0 117.0 39.1 117.1"), ["1"]);
    assert_eq!(
        client.ask(&format!("SETHOOK c {} WITHIN fleet FENCE {area}", spare.url)),
        ["error ERR hooks and channels cannot share the same name"]
    );
    for unknown in ["kafka://broker/topic", "amqp://broker/queue", "sqs://region:account/queue"] {
        let said = client.ask(&format!("SETHOOK x {unknown} WITHIN fleet FENCE {area}"));
        assert!(said[0].starts_with(&format!("error ERR invalid argument '{unknown}'")) && said[0].contains("mqtt://"), "{said:?}");
    }
    assert_eq!(client.ask("SET fleet v1 FIELD speed 5 POINT 39.05 117.05"), ["OK"]);
    receiver.wait_for(1);
    receiver.turn(503);
    assert_eq!(client.ask("SET fleet v1 POINT 39.5 117.5"), ["OK"]);
    // What waits, and what was acknowledged a moment ago, outlives the process.
    server.kill();
    receiver.turn(OK);
    let server = city.serve_configured(&config(later));
    let mut client = Client::at(later);
    assert_eq!(client.ask("SET fleet v1 POINT 39.05 117.05"), ["OK"]);
    assert_eq!(client.ask("DEL fleet v1"), ["1"]);
    let expected: Vec<Value> =
        FROM_TILE38.lines().filter(|line| !line.is_empty()).map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut said: Vec<Value> = receiver.wait_for_different(expected.len()).iter().map(|letter| letter.json()).collect();
    for message in &mut said {
        let message = message.as_object_mut().unwrap();
        message.shift_remove("group");
        assert!(message.shift_remove("time").is_some());
    }
    assert_eq!(said, expected);
    // An entry is two messages of one letter, each with a key of its own.
    let entry: Vec<Value> = spare.wait_for_different(2)[..2].iter().map(|letter| letter.json()["detect"].clone()).collect();
    assert_eq!(entry, [json!("enter"), json!("inside")]);

    assert_eq!(client.ask("CHANS *")[..2], ["c", "fleet"]);
    let listed = client.ask("HOOKS h");
    assert_eq!(listed[..8], ["h", "fleet", &receiver.url, "WITHIN", "fleet", "FENCE", "DETECT", "enter,exit"]);
    client.ask("OUTPUT json");
    let hooks: Value = serde_json::from_str(&client.ask("HOOKS *")[0]).unwrap();
    let names: Vec<&str> = hooks["hooks"].as_array().unwrap().iter().map(|hook| hook["name"].as_str().unwrap()).collect();
    assert_eq!((names, &hooks["hooks"][0]["ttl"]), (vec!["h", "hung", "spare"], &json!(-1)));
    client.ask("OUTPUT resp");
    // A hook is a target like the others.
    assert_eq!(server.json("/collections/targets/items/h")["properties"]["fence"]["meta"]["who"], "me");
    assert_eq!((client.ask("DELHOOK h"), client.ask("DELHOOK h")), (vec!["1".to_owned()], vec!["0".to_owned()]));
    assert_eq!(client.ask("DELHOOK c"), ["0"]);
    assert_eq!(client.ask("PDELHOOK *"), ["2"]);
    assert_eq!(client.ask("HOOKS *"), Vec::<String>::new());
    // Its time over, a hook and a channel go.
    assert_eq!(client.ask(&format!("SETHOOK short {} EX 0.2 WITHIN fleet FENCE {area}", spare.url)), ["1"]);
    assert_eq!(client.ask(&format!("SETCHAN brief EX 0.2 WITHIN fleet FENCE {area}")), ["1"]);
    wait("the end of a hook", || client.ask("HOOKS short").is_empty() && client.ask("CHANS brief").is_empty());
}

#[test]
fn a_hook_publishes_to_a_broker() {
    let city = City::new();
    let (port, broker) = (free_port(), Mosquitto::start(free_port()));
    let _server = city.serve_configured(&format!("[redis]\nlisten = \"127.0.0.1:{port}\"\n"));
    let mut client = Client::at(port);
    let at = broker.1;
    assert!(
        client.ask(&format!("SETHOOK m mqtt://127.0.0.1:{at}/fleet/zone?cert=x WITHIN fleet FENCE BOUNDS 39 117 40 118"))[0]
            .contains("retained")
    );
    let hook =
        format!("SETHOOK m mqtt://127.0.0.1:{at}/fleet/zone?qos=1&retained=1 WITHIN fleet FENCE DETECT enter POINTS BOUNDS 39 117 40 118");
    assert_eq!(client.ask(&hook), ["1"]);
    assert_eq!(client.ask("SET fleet v1 POINT 39.5 117.5"), ["OK"]);
    // The message is kept for who comes later.
    let at = at.to_string();
    let arguments = ["-p", &at, "-t", "fleet/#", "-v", "-C", "1", "-W", "20"];
    let heard = Command::new("mosquitto_sub").args(arguments).stderr(Stdio::null()).output().unwrap();
    let line = String::from_utf8(heard.stdout).unwrap();
    let (topic, body) = line.split_once(' ').unwrap();
    let body: Value = serde_json::from_str(body).unwrap();
    assert_eq!((topic, &body["detect"], &body["point"]), ("fleet/zone", &json!("enter"), &json!({"lat": 39.5, "lon": 117.5})));
}
