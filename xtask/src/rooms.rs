//! Reads the architecture from three tables of CONTRIBUTING.md. A table is found by the head of its first column.
//!
//! | head of the first column | contents of the table |
//! | --- | --- |
//! | `floor` | which rooms are on which floor, and in which storey |
//! | `arrow that stays` | accepted dependencies that do not go down |
//! | `circle that stays` | accepted circles: one of their files, and their number of files |

use std::{collections::BTreeMap, fs, path::Path};

/// The contents of the tables.
#[derive(Debug)]
pub struct Plan {
    rooms: BTreeMap<String, Room>,
    pub(crate) arrows: Vec<AcceptedArrow>,
    pub(crate) circles: Vec<AcceptedCircle>,
}

/// A room: one crate, in a folder of its name.
#[derive(Clone, Debug)]
pub struct Room {
    /// The name of its folder. Its crate is called `indoubt-` and this name.
    pub name: String,
    /// The floor. A room may depend only on rooms of lower floors.
    pub floor: u32,
    /// Whether the room belongs to the pure storey.
    pub pure: bool,
}

/// A dependency that does not go down, and is accepted.
#[derive(Debug)]
pub(crate) struct AcceptedArrow {
    pub(crate) from: String,
    pub(crate) to: String,
    /// Whether only tests may use the dependency.
    pub(crate) only_tests: bool,
}

/// A circle of files that is accepted as long as it does not grow.
#[derive(Debug)]
pub(crate) struct AcceptedCircle {
    /// One of its files, as a path from the root.
    pub(crate) file: String,
    /// The number of files in the circle.
    pub(crate) size: usize,
}

impl Plan {
    /// Reads the tables of `root`'s CONTRIBUTING.md.
    ///
    /// # Errors
    /// If the file cannot be read, has no table of floors, or a row of a table is not understood.
    pub fn read(root: &Path) -> Result<Plan, String> {
        let file = root.join("CONTRIBUTING.md");
        let text = fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
        Plan::parse(&text)
    }

    fn parse(text: &str) -> Result<Plan, String> {
        let bad = |row: &[&str]| format!("CONTRIBUTING.md: a row that is not understood: {}", row.join(" | "));
        let mut rooms = BTreeMap::new();
        for row in table(text, "floor") {
            let [floor, pure, shell] = row[..] else { return Err(bad(&row)) };
            let floor = floor.parse().map_err(|_| bad(&row))?;
            for (names, pure) in [(pure, true), (shell, false)] {
                let of_name = |name: &str| Room { name: name.to_owned(), floor, pure };
                rooms.extend(code_words(names).map(|name| (name.to_owned(), of_name(name))));
            }
        }
        if rooms.is_empty() {
            return Err("CONTRIBUTING.md has no table of floors".into());
        }
        let arrow = |row: Vec<&str>| {
            let mut names = code_words(row[0]).map(str::to_owned);
            let (Some(from), Some(to), None) = (names.next(), names.next(), names.next()) else {
                return Err(bad(&row));
            };
            has_reason(&row).ok_or_else(|| bad(&row))?;
            Ok(AcceptedArrow { from, to, only_tests: row[0].contains("tests") })
        };
        let circle = |row: Vec<&str>| {
            let (Some(file), Some(Ok(size))) = (code_words(row[0]).next(), row.get(1).map(|size| size.parse())) else {
                return Err(bad(&row));
            };
            has_reason(&row).ok_or_else(|| bad(&row))?;
            Ok(AcceptedCircle { file: file.to_owned(), size })
        };
        let arrows = table(text, "arrow that stays").into_iter().map(arrow).collect::<Result<_, _>>()?;
        let circles = table(text, "circle that stays").into_iter().map(circle).collect::<Result<_, _>>()?;
        Ok(Plan { rooms, arrows, circles })
    }

    /// All rooms, by name.
    pub fn rooms(&self) -> impl Iterator<Item = &Room> {
        self.rooms.values()
    }

    /// The rooms of the pure storey, by name.
    pub fn pure(&self) -> impl Iterator<Item = &Room> {
        self.rooms().filter(|room| room.pure)
    }

    pub(crate) fn room(&self, name: &str) -> Option<&Room> {
        self.rooms.get(name)
    }
}

/// The rows of the table whose first column has this head, without the head. Empty if there is no such table.
fn table<'a>(text: &'a str, head: &str) -> Vec<Vec<&'a str>> {
    let cells = |line: &'a str| line.trim().trim_matches('|').split('|').map(str::trim).collect::<Vec<_>>();
    let lines = text.lines().skip_while(|line| !line.starts_with('|') || cells(line)[0] != head);
    lines.skip(2).take_while(|line| line.starts_with('|')).map(cells).collect()
}

/// The words in backticks.
fn code_words(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

fn has_reason(row: &[&str]) -> Option<()> {
    row.last().filter(|reason| row.len() > 1 && reason.contains(' ')).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLOORS: &str = "| floor | pure | shell |\n| --- | --- | --- |\n| 1 | `a`, `b` | `c` |\n| 0 | `d` | |\n";

    #[test]
    fn the_tables_are_read() {
        let text = format!(
            "text\n\n{FLOORS}\n\n| arrow that stays | why |\n| --- | --- |\n| `a` -> `b`, tests only | it moves soon |\n\n\
             | circle that stays | files | why |\n| --- | --- | --- |\n| `a/src/x.rs` | 4 | one concept |\n"
        );
        let plan = Plan::parse(&text).unwrap();
        let rooms: Vec<_> = plan.rooms().map(|room| (room.name.as_str(), room.floor, room.pure)).collect();
        assert_eq!(rooms, [("a", 1, true), ("b", 1, true), ("c", 1, false), ("d", 0, true)]);
        assert_eq!((plan.arrows[0].from.as_str(), plan.arrows[0].to.as_str()), ("a", "b"));
        assert!(plan.arrows[0].only_tests);
        assert_eq!((plan.circles[0].file.as_str(), plan.circles[0].size), ("a/src/x.rs", 4));
    }

    #[test]
    fn a_table_that_lacks_something_is_refused() {
        assert!(Plan::parse("no table").unwrap_err().contains("no table of floors"));
        let without_reason = format!("{FLOORS}\n| arrow that stays | why |\n| --- | --- |\n| `a` -> `b` | |\n");
        assert!(Plan::parse(&without_reason).unwrap_err().contains("not understood"));
    }
}
