//! `/processes` and `/jobs` over HTTP (OGC API – Processes Part 1).

use crate::harness::{City, Server};
use serde_json::{Value, json};
use std::{
    io::{Read, Write},
    net::TcpListener,
    time::{Duration, Instant},
};

fn execute(server: &Server, process: &str, request: &Value, prefer: &[(&str, &str)]) -> crate::harness::Answer {
    let headers: Vec<(&str, &str)> = std::iter::once(("content-type", "application/json")).chain(prefer.iter().copied()).collect();
    server.send("POST", &format!("/processes/{process}/execution"), &headers, request.to_string().as_bytes())
}

/// The status of a job, once it is one of these.
fn wait(server: &Server, address: &str, states: &[&str]) -> Value {
    let begun = Instant::now();
    loop {
        let status = server.json(address);
        if states.contains(&status["status"].as_str().unwrap()) {
            return status;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "{status}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn every_question_is_a_process_that_answers_at_once_or_as_a_job() {
    let city = City::new();
    let server = city.serve();
    let list = server.json("/processes");
    let ids: Vec<&str> = list["processes"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["nearest", "aggregate", "join", "overlay", "hotspots", "within-reach", "trace", "visibility"]);
    assert_eq!(server.json("/processes?limit=2")["processes"].as_array().unwrap().len(), 2);
    let process = server.json("/processes/aggregate");
    assert_eq!(process["inputs"]["collection"]["minOccurs"], 1);
    assert_eq!(process["inputs"]["by"]["minOccurs"], 0);
    assert!(process["outputs"]["answer"]["schema"].is_object());
    assert!(process["jobControlOptions"].as_array().unwrap().contains(&json!("async-execute")));
    let classes = server.json("/conformance")["conformsTo"].to_string();
    assert!(classes.contains("ogcapi-processes-1/1.0/conf/core") && classes.contains("conf/dismiss"));

    // At once: the same as the question itself; a filter as an object is qualified by “value”.
    let inputs = json!({"collection": "squares", "by": "h3:6", "filter": {"value": {"op": "<", "args": [{"property": "height"}, 10]}}});
    let plain = json!({"collection": "squares", "by": "h3:6", "filter": {"op": "<", "args": [{"property": "height"}, 10]}});
    let expected = server.send("POST", "/query/aggregate", &[("content-type", "application/json")], plain.to_string().as_bytes()).json();
    let answer = execute(&server, "aggregate", &json!({"inputs": inputs}), &[]);
    assert_eq!((answer.status, answer.json()), (200, expected.clone()));
    let wrapped = execute(&server, "aggregate", &json!({"inputs": inputs, "response": "document"}), &[]).json();
    assert_eq!(wrapped, json!({"answer": {"value": expected, "mediaType": "application/json"}}));

    // As a job.
    let started = execute(&server, "aggregate", &json!({"inputs": inputs}), &[("prefer", "wait=5, respond-async")]);
    assert_eq!((started.status, started.header("preference-applied")), (201, "respond-async"), "{}", started.text());
    let address = started.header("location").strip_prefix(&server.url).unwrap().to_owned();
    let status = wait(&server, &address, &["successful"]);
    assert_eq!((&status["processID"], &status["type"], &status["progress"]), (&json!("aggregate"), &json!("process"), &json!(100)));
    assert!(status["finished"].is_string() && status["started"].is_string());
    assert_eq!(server.json(&format!("{address}/results")), expected);
    let jobs = server.json("/jobs?status=successful&processID=aggregate,join&type=process&minDuration=0&datetime=2020-01-01T00:00:00Z/..");
    assert_eq!(jobs["jobs"][0]["jobID"], status["jobID"]);
    for none in ["status=failed", "processID=join", "type=other", "minDuration=1000", "datetime=../2020-01-01T00:00:00Z"] {
        assert_eq!(server.json(&format!("/jobs?{none}"))["jobs"], json!([]), "{none}");
    }
    assert_eq!(server.json(&format!("{address}/results"))["total"], 100);

    // A job that is over is forgotten; one that failed says why.
    assert_eq!(server.send("DELETE", &address, &[], b"").json()["status"], "dismissed");
    let gone = server.get(&address).problem(404);
    assert_eq!(gone["type"], "http://www.opengis.net/def/exceptions/ogcapi-processes-1/1.0/no-such-job");
    let refused = json!({"inputs": {"collection": "none"}});
    let failed = execute(&server, "aggregate", &refused, &[("prefer", "respond-async")]);
    let address = failed.header("location").strip_prefix(&server.url).unwrap().to_owned();
    let status = wait(&server, &address, &["failed"]);
    assert!(status["message"].as_str().unwrap().contains("none"));
    server.get(&format!("{address}/results")).problem(404);
}

#[test]
fn a_job_that_runs_is_ended_and_what_makes_no_sense_is_refused() {
    let city = City::new();
    let server = city.serve();
    // Fine cells over twenty kilometres take longer than this test.
    let inputs = json!({"inputs": {"method": "viewshed", "from": [117.2, 39.2, 50], "buildings": ["squares"], "radius": 9900, "cell": 10}});
    let jobs: Vec<String> = (0..3)
        .map(|_| {
            let started = execute(&server, "visibility", &inputs, &[("prefer", "respond-async")]);
            assert_eq!(started.status, 201, "{}", started.text());
            started.header("location").strip_prefix(&server.url).unwrap().to_owned()
        })
        .collect();
    wait(&server, &jobs[0], &["running"]);
    // Two run at once.
    assert_eq!(server.json(&jobs[2])["status"], "accepted");
    let problem = server.get(&format!("{}/results", jobs[0])).problem(404);
    assert_eq!(problem["type"], "http://www.opengis.net/def/exceptions/ogcapi-processes-1/1.0/result-not-ready");
    for job in &jobs {
        assert_eq!(server.send("DELETE", job, &[], b"").json()["status"], "dismissed");
        assert_eq!(server.json(job)["status"], "dismissed");
        server.get(&format!("{job}/results")).problem(410);
    }
    for (request, parameter) in [
        (json!({"inputs": {}}), "collection"),
        (json!({"inputs": []}), "inputs"),
        (json!({"inputs": {"collection": "squares", "what": 1}}), "what"),
        (json!({"inputs": {"collection": {"href": 1}}}), "collection"),
        (json!({"inputs": {"collection": {"href": "ftp://127.0.0.1/"}}}), "collection"),
        (json!({"inputs": {"collection": {"href": format!("{}/nothing", server.url)}}}), "collection"),
        (json!({"inputs": {"collection": "squares"}, "response": "xml"}), "response"),
        (json!({"inputs": {"collection": "squares"}, "outputs": {"other": {}}}), "outputs"),
        (json!({"inputs": {"collection": "squares"}, "outputs": {"answer": {"transmissionMode": "reference"}}}), "outputs"),
        (json!({"input": {}}), "input"),
    ] {
        assert_eq!(execute(&server, "aggregate", &request, &[]).problem(400)["parameter"], parameter, "{request}");
    }
    let missing = execute(&server, "divine", &json!({}), &[]).problem(404);
    assert_eq!(missing["type"], "http://www.opengis.net/def/exceptions/ogcapi-processes-1/1.0/no-such-process");
    assert_eq!(server.get("/jobs?status=lost").problem(400)["parameter"], "status");
    assert_eq!(server.get("/jobs?datetime=then").problem(400)["parameter"], "datetime");
    assert_eq!(server.get("/processes?limit=0").problem(400)["parameter"], "limit");
    // The server does not wait for jobs when it ends.
    let last = execute(&server, "visibility", &inputs, &[("prefer", "respond-async")]);
    assert_eq!(last.status, 201);
    let begun = Instant::now();
    assert_eq!(server.terminate(), Some(0));
    assert!(begun.elapsed() < Duration::from_secs(8));
}

#[test]
fn an_input_may_be_where_a_link_points() {
    let city = City::new();
    let server = city.serve();
    let filter = json!({"op": "<", "args": [{"property": "height"}, 10]});
    // Another server, whose answer is the filter; this one listens on loopback and may speak to it.
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/filter", other.local_addr().unwrap());
    let body = filter.to_string();
    let serving = std::thread::spawn(move || {
        let (mut stream, _) = other.accept().unwrap();
        let mut request = [0; 4096];
        let read = stream.read(&mut request).unwrap();
        write!(stream, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len()).unwrap();
        String::from_utf8_lossy(&request[..read]).into_owned()
    });
    let inline = execute(&server, "aggregate", &json!({"inputs": {"collection": "squares", "filter": {"value": filter}}}), &[]);
    let link = json!({"inputs": {"collection": "squares", "filter": {"href": address, "type": "application/json"}}});
    let linked = execute(&server, "aggregate", &link, &[]);
    assert_eq!((linked.status, linked.json()), (200, inline.json()));
    assert!(serving.join().unwrap().starts_with("GET /filter "));
}

#[test]
fn a_job_that_never_ran_has_no_duration() {
    let city = City::new();
    let server = city.serve();
    let inputs = json!({"inputs": {"method": "viewshed", "from": [117.2, 39.2, 50], "buildings": ["squares"], "radius": 9900, "cell": 10}});
    for _ in 0..3 {
        assert_eq!(execute(&server, "visibility", &inputs, &[("prefer", "respond-async")]).status, 201);
    }
    let count = |path: &str| server.json(path)["jobs"].as_array().unwrap().len();
    let begun = Instant::now();
    while count("/jobs?status=running") < 2 {
        assert!(begun.elapsed() < Duration::from_secs(20));
        std::thread::sleep(Duration::from_millis(20));
    }
    // The third waits (18-062r2, /req/job-list/duration-response).
    assert_eq!((count("/jobs?status=accepted"), count("/jobs?minDuration=0"), count("/jobs?maxDuration=600")), (1, 2, 2));
}
