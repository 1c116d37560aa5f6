//! Reads Rust source as far as the architecture checks need it: words, paths and braces, without comments, literals and test code.

/// A token of Rust source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    /// A name or keyword.
    Word(String),
    /// The separator of paths, `::`.
    Separator,
    /// Any other character that is not white space.
    Mark(char),
}

impl Token {
    pub(crate) fn is(&self, mark: char) -> bool {
        *self == Token::Mark(mark)
    }

    pub(crate) fn word(&self) -> Option<&str> {
        match self {
            Token::Word(word) => Some(word),
            _ => None,
        }
    }
}

/// The tokens of a file, without comments, literals and items behind `#[cfg(test)]`.
pub(crate) fn tokens(text: &str) -> Vec<Token> {
    without_tests(&split(&without_literals(text)))
}

/// Replaces each comment and literal by a space, so that nothing in them is read as code.
fn without_literals(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let (mut code, mut at) = (String::with_capacity(text.len()), 0);
    while at < chars.len() {
        let end = literal_end(&chars, at);
        if end > at {
            code.push(' ');
            at = end;
        } else {
            code.push(chars[at]);
            at += 1;
        }
    }
    code
}

/// Where the comment or literal that begins at `at` ends; `at` if none begins there.
fn literal_end(chars: &[char], at: usize) -> usize {
    let next = |offset: usize| chars.get(at + offset).copied().unwrap_or(' ');
    let in_word = at > 0 && (chars[at - 1].is_alphanumeric() || chars[at - 1] == '_');
    match chars[at] {
        '/' if next(1) == '/' => (at..chars.len()).find(|i| chars[*i] == '\n').unwrap_or(chars.len()),
        '/' if next(1) == '*' => block_comment_end(chars, at),
        'r' if !in_word && matches!(next(1), '"' | '#') => raw_string_end(chars, at + 1).unwrap_or(at),
        'b' if !in_word && next(1) == 'r' => raw_string_end(chars, at + 2).unwrap_or(at),
        '"' => quoted_end(chars, at, '"'),
        // A lifetime has no closing quote one character later.
        '\'' if next(1) == '\\' || next(2) == '\'' => quoted_end(chars, at, '\''),
        _ => at,
    }
}

fn block_comment_end(chars: &[char], from: usize) -> usize {
    let (mut depth, mut at) = (0, from);
    while at < chars.len() {
        match (chars[at], chars.get(at + 1)) {
            ('/', Some('*')) => (depth, at) = (depth + 1, at + 2),
            ('*', Some('/')) => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

/// Where the raw string ends whose hashes or quote begin at `hashes`.
fn raw_string_end(chars: &[char], hashes: usize) -> Option<usize> {
    let count = chars[hashes..].iter().take_while(|c| **c == '#').count();
    let open = hashes + count;
    if chars.get(open) != Some(&'"') {
        return None; // a raw name such as r#type
    }
    let closes = |at: usize| chars[at] == '"' && chars[at + 1..].iter().take_while(|c| **c == '#').count() >= count;
    let close = (open + 1..chars.len()).find(|at| closes(*at))?;
    Some(close + 1 + count)
}

fn quoted_end(chars: &[char], from: usize, quote: char) -> usize {
    let mut at = from + 1;
    while at < chars.len() && chars[at] != quote {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(chars.len())
}

fn split(code: &str) -> Vec<Token> {
    let (mut tokens, mut word) = (Vec::new(), String::new());
    let mut chars = code.chars().peekable();
    while let Some(c) = chars.next() {
        if c.is_alphanumeric() || c == '_' {
            word.push(c);
            continue;
        }
        if !word.is_empty() {
            tokens.push(Token::Word(std::mem::take(&mut word)));
        }
        if c == ':' && chars.next_if_eq(&':').is_some() {
            tokens.push(Token::Separator);
        } else if !c.is_whitespace() {
            tokens.push(Token::Mark(c));
        }
    }
    if !word.is_empty() {
        tokens.push(Token::Word(word));
    }
    tokens
}

/// Leaves out each item behind `#[cfg(test)]`, because tests may use everything.
fn without_tests(tokens: &[Token]) -> Vec<Token> {
    let cfg_test = split("#[cfg(test)]");
    let (mut kept, mut at) = (Vec::with_capacity(tokens.len()), 0);
    while at < tokens.len() {
        if tokens[at..].starts_with(&cfg_test) {
            at = item_end(tokens, at + cfg_test.len());
        } else {
            kept.push(tokens[at].clone());
            at += 1;
        }
    }
    kept
}

/// Where the item that begins at `from` ends: behind its `;`, or behind the brace that closes it.
fn item_end(tokens: &[Token], from: usize) -> usize {
    let (mut depth, mut at) = (0, from);
    while at < tokens.len() {
        match tokens[at] {
            Token::Mark('{' | '(' | '[') => depth += 1,
            Token::Mark('}' | ')' | ']') => depth -= 1,
            _ => {}
        }
        at += 1;
        if depth == 0 && matches!(tokens[at - 1], Token::Mark('}' | ';')) {
            break;
        }
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        tokens(text).iter().filter_map(Token::word).map(str::to_owned).collect()
    }

    #[test]
    fn nothing_in_comments_and_literals_is_code() {
        assert_eq!(words("a /* b /* c */ d */ e // f\n g"), ["a", "e", "g"]);
        assert_eq!(words(r##"a "b \" c" d r#"e " f"# g 'h' '\'' i"##), ["a", "d", "g", "i"]);
        assert_eq!(words("fn f<'a>(x: &'a str) { r#type }"), ["fn", "f", "a", "x", "a", "str", "r", "type"]);
    }

    #[test]
    fn test_code_is_left_out_up_to_its_end() {
        assert_eq!(words("a; #[cfg(test)] mod t { use b; fn c() {} } d"), ["a", "d"]);
        assert_eq!(words("#[cfg(test)] mod tests; use e;"), ["use", "e"]);
        assert_eq!(words("#[cfg(test)] #[allow(x)] use f::{g, h}; i"), ["i"]);
        assert_eq!(words("#[cfg(any(test, feature))] use j;").last().unwrap(), "j");
    }
}
