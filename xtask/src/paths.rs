//! Finds the modules that a file declares and the paths that it names.

use crate::source::{Token, tokens};

/// The modules and paths in one file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Named {
    /// The modules in other files: `mod child;`.
    pub(crate) files: Vec<String>,
    /// The inline modules, `mod child { … }`, as paths from the module of the file.
    pub(crate) inline: Vec<Vec<String>>,
    /// The paths that may lead to another module of the same crate.
    pub(crate) paths: Vec<Path>,
}

/// A path, and the inline module that contains it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Path {
    pub(crate) within: Vec<String>,
    pub(crate) segments: Vec<String>,
}

/// Reads a file. Each path of a `use` tree is listed, and every other path of two segments or more.
pub(crate) fn read(text: &str) -> Named {
    let tokens = tokens(text);
    let mut named = Named::default();
    let mut open: Vec<(String, usize)> = Vec::new();
    let (mut depth, mut at) = (0, 0);
    while at < tokens.len() {
        let within = || open.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
        match (&tokens[at], tokens.get(at + 1), tokens.get(at + 2)) {
            (Token::Word(word), Some(Token::Word(name)), Some(Token::Mark(';'))) if word == "mod" => {
                named.files.push(name.clone());
                at += 3;
            }
            (Token::Word(word), Some(Token::Word(name)), Some(Token::Mark('{'))) if word == "mod" => {
                depth += 1;
                open.push((name.clone(), depth));
                named.inline.push(open.iter().map(|(name, _)| name.clone()).collect());
                at += 3;
            }
            (Token::Word(word), _, _) if word == "use" => {
                let mut found = Vec::new();
                at = use_tree(&tokens, at + 1, &[], &mut found);
                named.paths.extend(found.into_iter().map(|segments| Path { within: within(), segments }));
            }
            (Token::Word(word), Some(Token::Mark('(')), Some(Token::Word(_))) if word == "pub" => {
                at += 2;
                while at < tokens.len() && !tokens[at].is(')') {
                    at += 1; // a visibility is no dependency
                }
            }
            (Token::Word(_), _, _) => {
                let mut segments = Vec::new();
                at = plain_path(&tokens, at, &mut segments);
                if segments.len() > 1 {
                    named.paths.push(Path { within: within(), segments });
                }
            }
            (Token::Mark('{'), _, _) => (depth, at) = (depth + 1, at + 1),
            (Token::Mark('}'), _, _) => {
                open.pop_if(|(_, opened)| *opened == depth);
                (depth, at) = (depth - 1, at + 1);
            }
            _ => at += 1,
        }
    }
    named
}

/// Reads a path of plain segments from `at`. Returns where it ends.
fn plain_path(tokens: &[Token], mut at: usize, segments: &mut Vec<String>) -> usize {
    while let Some(word) = tokens.get(at).and_then(Token::word) {
        segments.push(word.to_owned());
        at += 1;
        match tokens.get(at) {
            Some(Token::Separator) => at += 1,
            _ => break,
        }
    }
    at
}

/// Lists the paths of a `use` tree from `at`, below `prefix`. Returns where it ends. A glob counts as the path before it.
fn use_tree(tokens: &[Token], at: usize, prefix: &[String], found: &mut Vec<Vec<String>>) -> usize {
    let mut segments = prefix.to_vec();
    let mut at = plain_path(tokens, at, &mut segments);
    match tokens.get(at) {
        Some(Token::Mark('{')) => {
            at += 1;
            while tokens.get(at).is_some_and(|token| !token.is('}')) {
                at = use_tree(tokens, at, &segments, found);
                if tokens.get(at).is_some_and(|token| token.is(',')) {
                    at += 1;
                }
            }
            return at + 1;
        }
        Some(Token::Mark('*')) => at += 1,
        Some(Token::Word(word)) if word == "as" => at += 2,
        Some(Token::Separator) => at += 1, // `use ::name`: another crate
        _ => {}
    }
    if segments.last().is_some_and(|last| last == "self") && segments.len() > 1 {
        segments.pop();
    }
    found.push(segments);
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(text: &str) -> Vec<String> {
        read(text).paths.into_iter().map(|path| path.segments.join("::")).collect()
    }

    #[test]
    fn nested_braces_are_spread_out() {
        let text = "use crate::{a::{self, B}, c as d, super::e::*}; pub(crate) use self::f::G;";
        assert_eq!(paths(text), ["crate::a", "crate::a::B", "crate::c", "crate::super::e", "self::f::G"]);
    }

    #[test]
    fn paths_in_code_count_and_visibilities_do_not() {
        assert_eq!(paths("pub(in crate::x) fn f() -> super::A { crate::b::c(1, d) }"), ["super::A", "crate::b::c"]);
    }

    #[test]
    fn declared_modules_are_told_apart_by_where_they_stand() {
        let named = read("pub mod a; mod b { mod c { use super::X; } } use d::Y; #[cfg(test)] mod tests;");
        assert_eq!(named.files, ["a"]);
        assert_eq!(named.inline, [vec!["b".to_owned()], vec!["b".to_owned(), "c".to_owned()]]);
        assert_eq!(named.paths[0].within, ["b", "c"]);
        assert_eq!(named.paths[1].within, [""; 0]);
    }
}
