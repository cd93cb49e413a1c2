//! The alert rules and the dashboard: read by promtool, held against the metrics and the runbooks that there are, and asked of a
//! Prometheus that scrapes an operator.

mod dashboard;
mod names;
mod prometheus;
mod promtool;
mod rules;
mod runbooks;
mod scrape;
