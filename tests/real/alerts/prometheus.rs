//! A Prometheus server of a test's own, and what it answers. Asked by promtool, over its HTTP API.

use super::rules::{root, tool};
use crate::support::wait::until;
use serde_json::{Value, json};
use std::{
    fs,
    path::Path,
    process::{Command, Output},
};
use xtask::{process::Running, tools::Tool};

pub struct Prometheus {
    address: String,
    _server: Running,
}

impl Prometheus {
    /// Scrapes what listens at this port each second, and evaluates the alert rules as often. Returns once it answers.
    pub async fn scraping(port: u16, folder: &Path) -> Self {
        let config = json!({
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [root().join("charts/quarantine-operator/files/alerts.yaml")],
            "scrape_configs": [{
                "job_name": "quarantine-operator", "static_configs": [{"targets": [format!("127.0.0.1:{port}")]}],
            }],
        });
        let (file, log) = (folder.join("prometheus.json"), folder.join("prometheus.log"));
        // JSON is YAML.
        fs::write(&file, config.to_string()).expect("the configuration is written");
        let mut command = Command::new(tool(Tool::Prometheus));
        command.arg(format!("--config.file={}", file.display()));
        command.arg(format!("--storage.tsdb.path={}", folder.join("prometheus").display()));
        command.args(["--web.listen-address=127.0.0.1:0", "--log.format=json"]);
        let mut server = Running::start("Prometheus", command, &log).expect("Prometheus starts");
        let address = until("Prometheus tells where it listens", async || {
            server.check().unwrap_or_else(|error| panic!("{error:#}"));
            let said = fs::read_to_string(&log).unwrap_or_default();
            let lines = said.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
            let mut listening = lines.filter(|line| line["msg"] == "Listening on");
            Some(format!("http://{}", listening.next()?["address"].as_str()?))
        })
        .await;
        until("Prometheus answers", async || ask(&address, "vector(1)").status.success().then_some(())).await;
        Self { address, _server: server }
    }

    /// The values that the expression has now.
    #[track_caller]
    pub fn ask(&self, expression: &str) -> Vec<f64> {
        let Output { status, stdout, stderr } = ask(&self.address, expression);
        assert!(status.success(), "{expression}: {}", String::from_utf8_lossy(&stderr));
        let answer: Vec<Value> = serde_json::from_slice(&stdout).expect("promtool answers JSON");
        let values = answer.iter().map(|series| series["value"][1].as_str().expect("a value"));
        values.map(|value| value.parse().unwrap_or_else(|_| panic!("{value} is a number"))).collect()
    }

    /// Waits until the expression has a value.
    pub async fn shows(&self, expression: &str) {
        until(&format!("Prometheus shows {expression}"), async || (!self.ask(expression).is_empty()).then_some(()))
            .await;
    }
}

fn ask(address: &str, expression: &str) -> Output {
    let mut command = Command::new(tool(Tool::Promtool));
    command.args(["query", "--format=json", "instant", address, expression]).output().expect("promtool runs")
}
