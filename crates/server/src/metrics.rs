//! Counters of one node, in the text form of OpenMetrics.
//!
//! Owns: every metric's name, labels and meaning. The words are those of the glossary.
//! Never: has a label that users choose; the number of series is bounded by the code.

use std::{fmt, sync::Arc, time::Duration};

use prometheus_client::{
    collector::Collector,
    encoding::{
        DescriptorEncoder, EncodeLabelSet, EncodeLabelValue, EncodeMetric, LabelValueEncoder, text,
    },
    metrics::{
        counter::{ConstCounter, Counter},
        family::Family,
        gauge::{ConstGauge, Gauge},
        histogram::Histogram,
        info::Info,
    },
    registry::{Registry, Unit},
};
use tidings_engine::hints::ear::Tally;

use crate::log;

/// What a connection is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Connection {
    /// Requests and answers.
    Http,
    /// The stream over WebSocket.
    Socket,
    /// The stream over SSE.
    Sse,
    /// A long poll that waits.
    Poll,
}

/// What became of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Answered {
    /// It happened, or had happened before with the same `txn`.
    Happened,
    /// There was nothing to change.
    Unchanged,
    /// It was refused.
    Refused,
}

impl Connection {
    const fn as_str(self) -> &'static str {
        match self {
            Connection::Http => "http",
            Connection::Socket => "socket",
            Connection::Sse => "sse",
            Connection::Poll => "poll",
        }
    }
}

impl Answered {
    const fn as_str(self) -> &'static str {
        match self {
            Answered::Happened => "happened",
            Answered::Unchanged => "unchanged",
            Answered::Refused => "refused",
        }
    }
}

impl EncodeLabelValue for Connection {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), fmt::Error> {
        EncodeLabelValue::encode(&self.as_str(), encoder)
    }
}

impl EncodeLabelValue for Answered {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), fmt::Error> {
        EncodeLabelValue::encode(&self.as_str(), encoder)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfConnection {
    kind: Connection,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfCommand {
    answer: Answered,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfHint {
    fate: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfRequest {
    method: &'static str,
    route: String,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfRoute {
    method: &'static str,
    route: String,
}

/// Upper ends of the classes of durations, in seconds.
const DURATIONS_S: [f64; 12] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0,
];

/// The counters. Each method is a few atomic operations.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    connections: Family<OfConnection, Gauge>,
    commands: Family<OfCommand, Counter>,
    batches: Counter,
    committed: Counter,
    delivered: Counter,
    bugs: Counter,
    strangers: Counter,
    requests: Family<OfRequest, Counter>,
    durations: Family<OfRoute, Histogram>,
}

impl Default for Metrics {
    fn default() -> Metrics {
        let mut registry = Registry::with_prefix("tidings");
        registry.register(
            "build",
            "The program that runs",
            Info::new([("version", env!("CARGO_PKG_VERSION"))]),
        );
        let connections = Family::default();
        registry.register("connections", "Connections open now", connections.clone());
        let commands = Family::default();
        registry.register("commands", "Commands answered", commands.clone());
        let batches = Counter::default();
        registry.register(
            "batches_published",
            "Batches published on this node, whoever committed them",
            batches.clone(),
        );
        let committed = Counter::default();
        registry.register(
            "events_published",
            "Events published on this node, whoever committed them",
            committed.clone(),
        );
        let delivered = Counter::default();
        registry.register(
            "events_delivered",
            "Events sent to live readers",
            delivered.clone(),
        );
        let bugs = Counter::default();
        registry.register(
            "bugs",
            "Bugs that ended a request, a session, or all sessions of a core",
            bugs.clone(),
        );
        let strangers = Counter::default();
        registry.register(
            "strangers_turned_away",
            "Connections closed before their head was read, since too many of strangers were open",
            strangers.clone(),
        );
        let requests = Family::default();
        registry.register("http_requests", "HTTP requests answered", requests.clone());
        let durations: Family<OfRoute, Histogram> =
            Family::new_with_constructor(|| Histogram::new(DURATIONS_S));
        registry.register_with_unit(
            "http_request_duration",
            "Time until an HTTP answer begins",
            Unit::Seconds,
            durations.clone(),
        );
        registry.register_collector(Box::new(Process));
        registry.register_collector(Box::new(LogLines));
        Metrics {
            registry,
            connections,
            commands,
            batches,
            committed,
            delivered,
            bugs,
            strangers,
            requests,
            durations,
        }
    }
}

/// What was heard of other nodes.
#[derive(Debug)]
struct Hints(Arc<Tally>);

impl Collector for Hints {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let heard: Family<OfHint, Counter> = Family::default();
        for (fate, count) in self.0.counts() {
            heard.get_or_create(&OfHint { fate }).inc_by(count);
        }
        let help = "Messages of other nodes over Redis, by what became of them";
        let metric = encoder.encode_descriptor("hints_heard", help, None, heard.metric_type())?;
        heard.encode(metric)
    }
}

impl Metrics {
    /// The counters of a node, with those of its hints when it has any.
    #[must_use]
    pub fn with_hints(tally: Option<Arc<Tally>>) -> Metrics {
        let mut metrics = Metrics::default();
        if let Some(tally) = tally {
            metrics.registry.register_collector(Box::new(Hints(tally)));
        }
        metrics
    }

    /// A connection was closed before its head was read.
    pub fn stranger_turned_away(&self) {
        self.strangers.inc();
    }

    /// A connection of this kind opened; it closes when the guard is dropped.
    #[must_use]
    pub fn connection(&self, kind: Connection) -> ConnectionOpen {
        let gauge = self.connections.get_or_create_owned(&OfConnection { kind });
        gauge.inc();
        ConnectionOpen(gauge)
    }

    /// A command was answered.
    pub fn command(&self, answer: Answered) {
        self.commands.get_or_create(&OfCommand { answer }).inc();
    }

    /// A batch of so many events was published on this node.
    pub fn batch_published(&self, events: usize) {
        self.batches.inc();
        self.committed.inc_by(events as u64);
    }

    /// So many events went out to live readers.
    pub fn events_delivered(&self, events: u64) {
        self.delivered.inc_by(events);
    }

    /// An HTTP request was answered. The route is a template of the router's, never a path with ids.
    pub fn request(&self, method: &http::Method, route: &str, status: u16, took: Duration) {
        let (method, route) = (method_label(method), route.to_owned());
        let of_route = OfRoute {
            method,
            route: route.clone(),
        };
        self.durations
            .get_or_create(&of_route)
            .observe(took.as_secs_f64());
        self.requests
            .get_or_create(&OfRequest {
                method,
                route,
                status,
            })
            .inc();
    }

    /// Something panicked, and was contained.
    pub fn bug(&self) {
        self.bugs.inc();
    }

    /// All of it in the older text form of Prometheus, for readers that do not ask for OpenMetrics: there a counter's
    /// `# HELP` and `# TYPE` carry the whole name of its samples.
    #[must_use]
    pub fn plain_text(&self) -> String {
        let text = self.text();
        let type_of = |family: &str| {
            let begin = format!("# TYPE {family} ");
            let found = text.lines().find_map(|line| line.strip_prefix(&begin));
            found.unwrap_or_default()
        };
        let mut out = String::new();
        for line in text.lines() {
            let mut words = line.splitn(4, ' ');
            match (words.next(), words.next(), words.next(), words.next()) {
                (Some("#"), Some(kind @ ("HELP" | "TYPE")), Some(family), Some(rest)) => {
                    let (suffix, rest) = match (type_of(family), kind) {
                        ("counter", _) => ("_total", rest),
                        ("info", "TYPE") => ("_info", "gauge"),
                        ("info", _) => ("_info", rest),
                        _ => ("", rest),
                    };
                    out.push_str(&format!("# {kind} {family}{suffix} {rest}\n"));
                }
                (Some("#"), ..) => {}
                _ => {
                    out.push_str(line);
                    out.push('\n');
                }
            }
        }
        out
    }

    /// All of it as OpenMetrics.
    #[must_use]
    pub fn text(&self) -> String {
        let mut out = String::new();
        text::encode(&mut out, &self.registry).expect("writing to a String cannot fail");
        out
    }
}

/// A client may send any word as a method; those that no route offers are one.
fn method_label(method: &http::Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        _ => "other",
    }
}

/// An open connection, as counted.
#[derive(Debug)]
pub struct ConnectionOpen(Gauge);

impl Drop for ConnectionOpen {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// What the system says of this process.
#[derive(Debug)]
struct Process;

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let Some(bytes) = resident_bytes() else {
            return Ok(());
        };
        let gauge = ConstGauge::new(bytes);
        let help = "Memory of the process that is in RAM";
        let metric = encoder.encode_descriptor(
            "process_resident_memory",
            help,
            Some(&Unit::Bytes),
            gauge.metric_type(),
        )?;
        gauge.encode(metric)
    }
}

/// What became of log lines.
#[derive(Debug)]
struct LogLines;

impl Collector for LogLines {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let counter = ConstCounter::new(log::lines_lost());
        let help = "Log lines that could not be written";
        let metric =
            encoder.encode_descriptor("log_lines_lost", help, None, counter.metric_type())?;
        counter.encode(metric)
    }
}

/// From `/proc/self/status` (proc(5)); none where there is no such file.
fn resident_bytes() -> Option<i64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: i64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_has_a_help_text_in_both_forms() {
        let metrics = Metrics::default();
        drop(metrics.connection(Connection::Http));
        metrics.command(Answered::Happened);
        metrics.request(&http::Method::GET, "/", 200, Duration::ZERO);
        for (text, suffixes) in [
            (
                metrics.text(),
                &["_total", "_info", "_bucket", "_count", "_sum"][..],
            ),
            (metrics.plain_text(), &["_bucket", "_count", "_sum"]),
        ] {
            let mut samples = 0;
            for line in text.lines().filter(|line| !line.starts_with('#')) {
                let name = line.split(['{', ' ']).next().unwrap();
                let family = suffixes.iter().find_map(|end| name.strip_suffix(end));
                let help = format!("# HELP {} ", family.unwrap_or(name));
                let told = text.lines().find_map(|line| line.strip_prefix(&help));
                assert!(told.is_some_and(|told| told.len() > 8), "{help}: {text}");
                samples += 1;
            }
            assert!(samples > 10, "{text}");
        }
        let plain = metrics.plain_text();
        for line in [
            "# TYPE tidings_commands_total counter",
            "# TYPE tidings_build_info gauge",
            concat!(
                "tidings_build_info{version=\"",
                env!("CARGO_PKG_VERSION"),
                "\"} 1"
            ),
        ] {
            assert!(plain.lines().any(|found| found == line), "{line}: {plain}");
        }
        assert!(
            !plain.contains("# EOF") && !plain.contains("# UNIT"),
            "{plain}"
        );
    }

    #[test]
    fn what_happened_stands_in_the_text() {
        let metrics = Metrics::default();
        let open = metrics.connection(Connection::Socket);
        drop(metrics.connection(Connection::Sse));
        metrics.command(Answered::Refused);
        metrics.batch_published(3);
        metrics.events_delivered(7);
        metrics.bug();
        metrics.request(
            &http::Method::GET,
            "/api/v1/me",
            200,
            Duration::from_millis(3),
        );
        let odd = http::Method::from_bytes(b"BREW").unwrap();
        metrics.request(&odd, "unmatched", 405, Duration::from_millis(3));
        let text = metrics.text();
        for line in [
            "tidings_connections{kind=\"socket\"} 1",
            "tidings_connections{kind=\"sse\"} 0",
            "tidings_commands_total{answer=\"refused\"} 1",
            "tidings_batches_published_total 1",
            "tidings_events_published_total 3",
            "tidings_events_delivered_total 7",
            "tidings_bugs_total 1",
            "tidings_http_requests_total{method=\"GET\",route=\"/api/v1/me\",status=\"200\"} 1",
            "tidings_http_requests_total{method=\"other\",route=\"unmatched\",status=\"405\"} 1",
            "le=\"0.005\",method=\"GET\",route=\"/api/v1/me\"} 1",
            "tidings_process_resident_memory_bytes ",
            "# EOF",
        ] {
            assert!(text.contains(line), "{line} is not in:\n{text}");
        }
        drop(open);
        assert!(
            metrics
                .text()
                .contains("tidings_connections{kind=\"socket\"} 0")
        );
    }
}
