//! The Grafana dashboard: that each panel says what it shows, in which unit, and asks only for what the operator has.

use super::rules::{has_only_what_there_is, root, text};
use serde_json::Value;
use std::{collections::HashSet, fs};

const DASHBOARD: &str = "charts/quarantine-operator/files/dashboard.json";

/// Those that show something, without the headings between them.
pub fn panels() -> Vec<Value> {
    let panels = dashboard()["panels"].as_array().expect("panels").clone();
    panels.into_iter().filter(|panel| panel["type"] != "row").collect()
}

/// What the panel asks, with Grafana's variables as they stand when nothing is chosen.
pub fn expressions(panel: &Value) -> Vec<String> {
    let targets = panel["targets"].as_array().expect("targets").iter();
    let variables = [("$__rate_interval", "1m"), ("$__range", "10m"), ("$class", ".*")];
    targets
        .map(|target| variables.iter().fold(text(target, "expr").to_owned(), |e, (name, value)| e.replace(name, value)))
        .collect()
}

fn dashboard() -> Value {
    let text = fs::read_to_string(root().join(DASHBOARD)).expect("there is a dashboard");
    serde_json::from_str(&text).expect("it is JSON")
}

#[test]
fn each_panel_says_what_it_shows_and_in_which_unit_and_asks_the_chosen_data_source() {
    for panel in panels() {
        let title = text(&panel, "title");
        assert!(text(&panel, "description").ends_with('.'), "{title}");
        assert!(!text(&panel["fieldConfig"]["defaults"], "unit").is_empty(), "{title}");
        let targets = panel["targets"].as_array().expect("targets").iter();
        for asked in targets.chain([&panel]) {
            assert_eq!(text(&asked["datasource"], "uid"), "${datasource}", "{title}");
        }
    }
    let first = &dashboard()["templating"]["list"][0];
    assert_eq!(
        (text(first, "name"), text(first, "type"), text(first, "query")),
        ("datasource", "datasource", "prometheus")
    );
}

#[test]
fn no_panel_stands_on_another_one_or_beyond_the_grid() {
    let dashboard = dashboard();
    let (mut taken, mut ids) = (HashSet::new(), HashSet::new());
    for panel in dashboard["panels"].as_array().expect("panels") {
        let title = text(panel, "title");
        assert!(ids.insert(panel["id"].as_u64().expect("an id")), "{title} has an id of its own");
        let [x, y, w, h] = ["x", "y", "w", "h"].map(|side| panel["gridPos"][side].as_u64().expect("a number"));
        assert!(x + w <= 24, "{title}");
        for place in (x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y))) {
            assert!(taken.insert(place), "{title} stands on another one at {place:?}");
        }
    }
}

#[test]
fn the_dashboard_names_only_metrics_and_labels_that_the_operator_has() {
    for expression in panels().iter().flat_map(expressions) {
        assert!(!expression.contains('$'), "{expression} has a variable that nobody knows");
        has_only_what_there_is(&expression);
    }
}
