//! A PostgreSQL of the test's own: in a temporary folder, on a socket, as a user without rights.
#![allow(dead_code, reason = "each test takes what it needs")]

use std::{
    fs,
    io::Write,
    path::PathBuf,
    process::{Command, Stdio},
};
use tempfile::TempDir;

/// A running server; it is stopped when it is dropped.
pub struct Postgres {
    folder: TempDir,
    programs: PathBuf,
}

impl Postgres {
    /// Starts a new, empty server.
    pub fn start() -> Self {
        let versions = fs::read_dir("/usr/lib/postgresql").expect("PostgreSQL is not installed: run .ci/setup");
        let programs = versions.map(|version| version.unwrap().path().join("bin")).max().unwrap();
        let folder = tempfile::Builder::new().prefix("cql2").tempdir_in("/tmp").unwrap();
        let postgres = Self { folder, programs };
        // PostgreSQL refuses to run as root.
        if is_root() {
            let owned = Command::new("chown").args(["nobody", postgres.path("")]).status().unwrap();
            assert!(owned.success());
        }
        postgres.program(
            "initdb",
            &["-D", postgres.path("data"), "-U", "test", "--auth=trust", "--locale=C.UTF-8", "--encoding=UTF8", "--no-sync"],
        );
        let options = format!("-c listen_addresses='' -c fsync=off -c timezone=UTC -k {}", postgres.path(""));
        postgres.program("pg_ctl", &["-D", postgres.path("data"), "-l", postgres.path("log"), "-w", "-o", &options, "start"]);
        postgres
    }

    /// The folder of the socket that it listens on; the user is `test`, the database `postgres`.
    pub fn socket(&self) -> &'static str {
        self.path("")
    }

    fn path(&self, name: &str) -> &'static str {
        // A test's few short texts may live as long as it does.
        self.folder.path().join(name).to_str().unwrap().trim_end_matches('/').to_owned().leak()
    }

    fn command(&self, program: &str) -> Command {
        let program = self.programs.join(program);
        if !is_root() {
            return Command::new(program);
        }
        let mut command = Command::new("setpriv");
        command.args(["--reuid=nobody", "--regid=nogroup", "--clear-groups"]).arg(program);
        command
    }

    fn program(&self, program: &str, arguments: &[&str]) {
        // A server that is started keeps what it inherits open.
        let status = self.command(program).args(arguments).current_dir("/").stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
        assert!(status.success(), "{program}: {}", fs::read_to_string(self.path("log")).unwrap_or_default());
    }

    /// How often a second so many clients with prepared statements run a pgbench script.
    pub fn bench(&self, script: &str, clients: usize, seconds: u32) -> f64 {
        let file = self.path("script.sql");
        fs::write(file, script).unwrap();
        let (clients, seconds) = (clients.to_string(), seconds.to_string());
        let arguments =
            ["-h", self.path(""), "-U", "test", "-n", "-M", "prepared", "-c", &clients, "-j", &clients, "-T", &seconds, "-f", file];
        let output = self.command("pgbench").args(arguments).arg("postgres").current_dir("/").output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
        let rate = said.lines().find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse().ok());
        rate.unwrap_or_else(|| panic!("{said}"))
    }

    /// Runs statements and returns their rows, one per line.
    pub fn run(&self, sql: &str) -> String {
        let mut psql = self
            .command("psql")
            .args(["-h", self.path(""), "-U", "test", "-d", "postgres", "-qAtX", "-v", "ON_ERROR_STOP=1"])
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = psql.stdin.take().unwrap();
        let sql = sql.to_owned();
        let writer = std::thread::spawn(move || input.write_all(sql.as_bytes()));
        let output = psql.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        writer.join().unwrap().unwrap();
        String::from_utf8(output.stdout).unwrap()
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.program("pg_ctl", &["-D", self.path("data"), "-m", "immediate", "-w", "stop"]);
    }
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout == b"0\n")
}
