//! The floor of what is served from memory: axum with nothing around it.

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use std::{collections::HashMap, sync::Arc};
use tokio::{net::TcpListener, runtime::Runtime};

/// A running server; it ends when this is dropped.
pub struct Floor {
    /// Where it serves, as `127.0.0.1:port`.
    pub address: String,
    _runtime: Runtime,
}

impl Floor {
    /// Answers each path with its bytes, as if they were in a coding.
    pub fn start(bodies: HashMap<String, Vec<u8>>, coding: &'static str) -> Self {
        let runtime = Runtime::new().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let bodies: HashMap<String, Bytes> = bodies.into_iter().map(|(path, bytes)| (path, bytes.into())).collect();
        let answer = async move |State(bodies): State<Arc<HashMap<String, Bytes>>>, uri: Uri| -> Response {
            let Some(bytes) = bodies.get(uri.path()) else { return StatusCode::NOT_FOUND.into_response() };
            ([(header::CONTENT_ENCODING, coding)], bytes.clone()).into_response()
        };
        let router = Router::new().fallback(answer).with_state(Arc::new(bodies));
        runtime.spawn(axum::serve(listener, router).into_future());
        Self { address, _runtime: runtime }
    }
}
