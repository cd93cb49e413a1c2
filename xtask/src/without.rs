//! Tools that take minutes to build, and the tests that need them: what `cargo xtask test --without` leaves out. Pure.
//!
//! tests/real and xtask/tests are held against this list by a test below.

use clap::ValueEnum;

use crate::tools::Tool;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Without {
    /// With promtool
    Prometheus,
    ControllerManager,
}

impl Without {
    /// As it is given to `--without`.
    pub fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }

    pub fn tools(self) -> &'static [Tool] {
        match self {
            Self::Prometheus => &[Tool::Prometheus, Tool::Promtool],
            Self::ControllerManager => &[Tool::KubeControllerManager],
        }
    }

    /// Modules of tests, or single tests, whose names a filter of the test runner takes.
    pub fn tests(self) -> &'static [&'static str] {
        match self {
            Self::Prometheus => &["alerts::promtool::", "alerts::scrape::"],
            Self::ControllerManager => &[
                "in_a_cluster::",
                "install::people::",
                "install::policy::the_namespace_controller_and_the_garbage_collector_pass",
                "meant::namespace::",
            ],
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::workspace;

    /// What a file says whose tests need the tool.
    fn signs(without: Without) -> &'static [&'static str] {
        match without {
            Without::Prometheus => &["Tool::Prometheus", "Tool::Promtool", "prometheus::Prometheus"],
            Without::ControllerManager => &["controller_manager: true", "::open(true)"],
        }
    }

    /// Each file below, as the module it is, with its text.
    fn modules(folder: &Path, above: &str) -> Vec<(String, String)> {
        let mut found = Vec::new();
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                found.extend(modules(&path, &format!("{above}{name}::")));
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let module = if name == "mod" { above.to_owned() } else { format!("{above}{name}::") };
                found.push((module, fs::read_to_string(&path).unwrap()));
            }
        }
        found
    }

    #[test]
    fn every_test_that_needs_a_tool_is_left_out_with_it_and_no_other_is_named() {
        let mut modules = modules(&workspace::root().join("tests/real"), "");
        // The stack's own tests have the module in their one file.
        for (_, text) in self::modules(&workspace::root().join("xtask/tests"), "") {
            let inner = text.lines().find_map(|line| line.strip_prefix("mod ")?.strip_suffix(" {"));
            modules.push((inner.map(|name| format!("{name}::")).unwrap_or_default(), text));
        }
        for &without in Without::value_variants() {
            for (module, text) in &modules {
                let has_tests = text.contains("#[test]") || text.contains("::test]");
                let needs = has_tests && signs(without).iter().any(|sign| text.contains(sign));
                let of_this = |test: &&str| test.rsplit_once("::").is_some_and(|(of, _)| format!("{of}::") == *module);
                let left_out = without.tests().iter().any(of_this);
                assert_eq!(needs, left_out, "{module} and --without {}", without.name());
            }
            for test in without.tests() {
                let (module, name) = test.rsplit_once("::").unwrap();
                let text = modules.iter().find(|(found, _)| *found == format!("{module}::"));
                let text = &text.unwrap_or_else(|| panic!("{test} is no module")).1;
                assert!(name.is_empty() || text.contains(&format!("fn {name}(")), "{test}");
            }
        }
    }
}
