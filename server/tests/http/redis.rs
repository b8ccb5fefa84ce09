//! The door for Tile38's clients: their commands over the same collections, against brute force.

use crate::harness::City;
use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
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
