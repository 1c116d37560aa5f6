//! TO BE DELETED when the lab's imports are rewritten: the paths of modules that are now in `indoubt_scenario` and
//! `indoubt_judge`. Nothing but the lab may use them. With this file goes the dependency on `indoubt-judge`.

pub use indoubt_judge::{conversation, judge, promises, summary, trace};
pub use indoubt_scenario::{parse, points, profile, protocol, recording, scenario, workload};

#[allow(missing_docs)]
pub mod check {
    pub fn check_names() -> Vec<&'static str> {
        indoubt_scenario::checks::CheckName::ALL.map(indoubt_scenario::checks::CheckName::word).into()
    }
}

#[allow(missing_docs)]
pub mod measure {
    pub use indoubt_scenario::measures::metric_paths;
}
