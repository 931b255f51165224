//! A text with variables' names in braces.

use std::borrow::Cow;

/// The text of a variable that is not set.
const NOT_SET: &str = "–";
/// The most characters that are drawn, however long the variables are.
const TEXT_CHARS: usize = 500;

/// A checked template.
#[derive(Debug)]
pub struct Template(Vec<Part>);

#[derive(Debug, PartialEq)]
enum Part {
    Literal(String),
    Variable(String),
}

impl Template {
    /// # Errors
    /// A brace stands alone, or there is no name in a pair of them.
    pub fn parse(format: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = format;
        while let Some(at) = rest.find(['{', '}']) {
            literal.push_str(&rest[..at]);
            let (brace, behind) = rest[at..].split_at(1);
            if let Some(behind) = behind.strip_prefix(brace) {
                literal.push_str(brace);
                rest = behind;
                continue;
            }
            let name = behind.split_once('}').filter(|_| brace == "{");
            let Some((name, behind)) = name else {
                let other = if brace == "{" { "}" } else { "{" };
                return Err(format!(
                    "`format`: there is a `{brace}` without its `{other}`; write `{brace}{brace}` \
                     to show a brace"
                ));
            };
            if name.trim().is_empty() || name.contains('{') {
                return Err("`format`: a variable's name has to stand in the braces".to_owned());
            }
            parts.push(Part::Literal(std::mem::take(&mut literal)));
            parts.push(Part::Variable(name.trim().to_owned()));
            rest = behind;
        }
        literal.push_str(rest);
        parts.push(Part::Literal(literal));
        Ok(Self(parts))
    }

    /// The text without its variables.
    pub fn literals(&self) -> String {
        let literals = self.0.iter().map(|part| match part {
            Part::Literal(text) => text.as_str(),
            Part::Variable(_) => NOT_SET,
        });
        literals.collect()
    }

    /// Whether the text changes.
    pub fn has_variables(&self) -> bool {
        let is_variable = |part: &Part| matches!(part, Part::Variable(_));
        self.0.iter().any(is_variable)
    }

    /// The text with the variables in it that `variable` gives.
    pub fn fill(&self, variable: impl Fn(&str) -> Option<String>) -> String {
        let texts = self.0.iter().map(|part| match part {
            Part::Literal(text) => Cow::Borrowed(text.as_str()),
            Part::Variable(name) => variable(name).map_or(NOT_SET.into(), Cow::Owned),
        });
        let text: String = texts.collect();
        match text.char_indices().nth(TEXT_CHARS) {
            Some((end, _)) => text[..end].to_owned(),
            None => text,
        }
    }
}
