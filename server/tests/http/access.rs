//! Tokens, scopes, sessions, Host and Origin.

use crate::harness::{Answer, City, Server, citywall, event, stderr};

const TOKENS: &str = r#"
[[tokens]]
name = "reader"
scopes = ["read"]
secret = "reader-0123456789"
[[tokens]]
name = "gateway"
scopes = ["ingest"]
# printf %s gateway-0123456789 | sha256sum
sha256 = "SHA"
[[tokens]]
name = "operator"
scopes = ["read", "operate"]
secret = "operator-0123456789"
"#;

fn serve(city: &City) -> Server {
    let output =
        std::process::Command::new("sh").args(["-c", "printf %s gateway-0123456789 | sha256sum | cut -d' ' -f1"]).output().unwrap();
    city.serve_configured(&TOKENS.replace("SHA", String::from_utf8_lossy(&output.stdout).trim()))
}

fn ask(server: &Server, method: &str, path: &str, token: &str) -> Answer {
    let bearer = format!("Bearer {token}");
    let mut headers = vec![("content-type", "application/geo+json")];
    if !token.is_empty() {
        headers.push(("authorization", &bearer));
    }
    let body = if method == "POST" { event("e", 117.1, 39.1).to_string() } else { String::new() };
    server.send(method, path, &headers, body.as_bytes())
}

#[test]
fn each_scope_opens_its_own_doors() {
    let city = City::new();
    let server = serve(&city);
    let (reader, gateway, operator) = ("reader-0123456789", "gateway-0123456789", "operator-0123456789");
    let items = "/collections/events/items";
    for (method, path, token, status) in [
        ("GET", "/healthz", "", 200),
        ("GET", "/login", "", 200),
        ("GET", "/", "", 401),
        ("GET", "/readyz", "", 401),
        ("GET", "/metrics", "", 401),
        ("GET", "/map/", "", 401),
        ("GET", "/live/sse", "", 401),
        ("GET", "/nothing", "", 401),
        ("GET", "/collections", "wrong-0123456789", 401),
        ("GET", "/collections", reader, 200),
        ("GET", "/metrics", reader, 200),
        ("GET", "/map/", reader, 200),
        ("GET", "/collections", gateway, 403),
        ("POST", items, "", 401),
        ("POST", items, reader, 403),
        ("POST", items, operator, 403),
        ("POST", items, gateway, 201),
        ("GET", "/imports", reader, 403),
        ("GET", "/imports", gateway, 403),
        ("GET", "/imports", operator, 200),
        ("POST", "/imports", reader, 403),
        ("POST", "/imports", operator, 415),
    ] {
        let answer = ask(&server, method, path, token);
        assert_eq!(answer.status, status, "{method} {path} as “{token}”: {}", answer.text());
        if status == 401 {
            assert_eq!(answer.header("www-authenticate"), "Bearer");
        }
    }
}

#[test]
fn a_browser_exchanges_its_token_for_a_cookie() {
    let city = City::new();
    let server = serve(&city);
    let page = server.send("GET", "/map/?x=1", &[("accept", "text/html")], b"");
    assert_eq!((page.status, page.header("location")), (303, "/login?next=%2Fmap%2F%3Fx%3D1"));
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let wrong = server.send("POST", "/session", &form, b"token=wrong&next=%2Fmap%2F");
    assert_eq!((wrong.status, wrong.header("location")), (303, "/login?next=%2Fmap%2F&failed=1"));
    let right = server.send("POST", "/session", &form, b"token=reader-0123456789&next=%2Fmap%2F%3Fx%3D1");
    assert_eq!((right.status, right.header("location")), (303, "/map/?x=1"));
    let cookie = right.header("set-cookie");
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
    let cookie = cookie.split(';').next().unwrap();
    assert_eq!(server.send("GET", "/map/", &[("cookie", cookie)], b"").status, 200);
    let post = server.send("POST", "/collections/events/items", &[("cookie", cookie), ("content-type", "application/geo+json")], b"{}");
    post.problem(403);
    // Nobody is sent to another place after the login.
    let elsewhere = server.send("POST", "/session", &form, b"token=reader-0123456789&next=%2F%2Fevil.example");
    assert_eq!(elsewhere.header("location"), "/map");
    let json = [("content-type", "application/json")];
    server.send("POST", "/session", &json, br#"{"token":"wrong"}"#).problem(401);
    assert_eq!(server.send("POST", "/session", &json, br#"{"token":"reader-0123456789"}"#).status, 204);
    assert_eq!(server.send("DELETE", "/session", &[("cookie", cookie)], b"").status, 204);
    server.send("GET", "/map/", &[("cookie", cookie)], b"").problem(401);
}

#[test]
fn the_journal_names_who_wrote() {
    let city = City::new();
    let server = serve(&city);
    assert_eq!(ask(&server, "POST", "/collections/events/items", "gateway-0123456789").status, 201);
    drop(server);
    let output = std::process::Command::new("sqlite3").arg(&city.file).arg("SELECT actor FROM citywall_journal").output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "gateway", "{}", stderr(&output));
}

#[test]
fn a_foreign_page_can_neither_write_nor_rebind() {
    let city = City::new();
    let server = city.serve();
    let body = event("e", 117.1, 39.1).to_string();
    let post = |headers: &[(&str, &str)]| {
        let all = [&[("content-type", "application/geo+json")], headers].concat();
        server.send("POST", "/collections/events/items", &all, body.as_bytes())
    };
    post(&[("origin", "https://evil.example")]).problem(403);
    post(&[("origin", "null")]).problem(403);
    post(&[("sec-fetch-site", "cross-site")]).problem(403);
    post(&[("host", "evil.example")]).problem(421);
    server.send("GET", "/collections", &[("host", "evil.example:80")], b"").problem(421);
    assert_eq!(post(&[("origin", &server.url)]).status, 201);
    assert_eq!(post(&[("sec-fetch-site", "same-origin")]).status, 201);
    assert_eq!(post(&[("host", "localhost")]).status, 201);
    // Without a setting nobody else may read what comes back.
    let foreign = server.send("GET", "/collections", &[("origin", "https://gis.example")], b"");
    assert_eq!((foreign.status, foreign.header("access-control-allow-origin")), (200, ""));
    assert_eq!(foreign.header("cross-origin-resource-policy"), "same-origin");
}

#[test]
fn listed_origins_may_read_and_nothing_else() {
    let city = City::new();
    let server = city.serve_configured("cors_origins = [\"https://gis.example\"]");
    let read = server.send("GET", "/collections", &[("origin", "https://gis.example")], b"");
    assert_eq!(read.header("access-control-allow-origin"), "https://gis.example");
    assert_eq!(server.send("GET", "/collections", &[("origin", "https://evil.example")], b"").header("access-control-allow-origin"), "");
    let headers = [("origin", "https://gis.example"), ("content-type", "application/geo+json")];
    server.send("POST", "/collections/events/items", &headers, event("e", 1.0, 2.0).to_string().as_bytes()).problem(403);
}

#[test]
fn a_public_address_is_in_every_link() {
    let city = City::new();
    let server = city.serve_with(&["--public-url", "https://city.example/wall/"]);
    for path in ["/", "/wall", "/wall/", "/collections/squares/items?limit=1", "/wall/collections/squares/items?limit=1"] {
        let document = server.json(path);
        for link in document["links"].as_array().unwrap() {
            assert!(link["href"].as_str().unwrap().starts_with("https://city.example/wall/"), "{path}: {link}");
        }
    }
    assert_eq!(server.post_event(&event("e", 1.0, 2.0)).header("location"), "https://city.example/wall/collections/events/items/e");
    assert_eq!(server.send("GET", "/", &[("host", "city.example")], b"").status, 200);
    assert_eq!(server.get("/wall/map").header("location"), "/wall/map/");
    assert_eq!(server.json("/api")["servers"][0]["url"], "https://city.example/wall");
}

#[test]
fn forwarded_addresses_are_believed_only_if_that_is_set() {
    let city = City::new();
    let forwarded = [("x-forwarded-proto", "https"), ("x-forwarded-host", "city.example"), ("x-forwarded-prefix", "/wall")];
    let first = |server: &Server| server.send("GET", "/", &forwarded, b"").json()["links"][0]["href"].as_str().unwrap().to_owned();
    let server = city.serve();
    assert!(first(&server).starts_with(&server.url));
    drop(server);
    let server = city.serve_configured("trust_forwarded = true");
    assert_eq!(first(&server), "https://city.example/wall/?f=json");
}

#[test]
fn a_public_port_without_tokens_is_refused() {
    let city = City::new();
    let output = citywall(&["serve", "--city", city.file.to_str().unwrap(), "--listen", "0.0.0.0:0"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("[[tokens]]"), "{}", stderr(&output));
}
