//! The alternative of a schema (`anyOf`, `oneOf`) that was meant by a value which fits none.

use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind;

type Errors = Vec<ValidationError<'static>>;

/// The alternative that was meant, by its errors: the only one whose type fits the value at `path`,
/// and whose distinguishing constants do.
pub fn meant<'a>(alternatives: &'a [Errors], path: &str) -> Option<&'a [ValidationError<'static>]> {
    let mut meant = alternatives.iter().filter(|errors| may_be(errors, path));
    let only = meant.next()?;
    meant.next().is_none().then_some(only)
}

/// Whether an alternative with these errors can have been meant by the value at `path`.
pub fn may_be(errors: &[ValidationError<'_>], path: &str) -> bool {
    !errors.iter().any(|error| match error.kind() {
        ValidationErrorKind::Type { .. } => error.instance_path().as_str() == path,
        ValidationErrorKind::Constant { .. } => true,
        _ => false,
    })
}

/// The constants that tell the alternatives apart, and the path of the value that is none of them.
pub fn tags(alternatives: &[Errors]) -> Option<(String, Vec<String>)> {
    let tag = |errors: &Errors| {
        errors.iter().find_map(|error| match error.kind() {
            ValidationErrorKind::Constant { expected_value } => {
                let path = error.instance_path().as_str().to_owned();
                Some((path, expected_value.as_str()?.to_owned()))
            }
            _ => None,
        })
    };
    let tags: Option<Vec<_>> = alternatives.iter().map(tag).collect();
    let (paths, words): (Vec<_>, Vec<_>) = tags?.into_iter().unzip();
    let path = paths.first()?.clone();
    let is_same = paths.iter().all(|other| *other == path);
    is_same.then_some((path, words))
}

/// The key that every alternative misses in the mapping at `path`.
pub fn common_required(alternatives: &[Errors], path: &str) -> Option<String> {
    let missing = |errors: &Errors| -> Vec<String> {
        let keys = errors.iter().filter_map(|error| match error.kind() {
            ValidationErrorKind::Required { property }
                if error.instance_path().as_str() == path =>
            {
                property.as_str().map(str::to_owned)
            }
            _ => None,
        });
        keys.collect()
    };
    let (first, others) = alternatives.split_first()?;
    let others: Vec<_> = others.iter().map(missing).collect();
    let in_all = |key: &String| others.iter().all(|keys| keys.contains(key));
    missing(first).into_iter().find(in_all)
}
