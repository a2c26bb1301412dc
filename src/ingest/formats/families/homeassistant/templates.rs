//! Deduplicated templates: equal sources share one parsed template.

use std::collections::HashMap;
use std::sync::Arc;

use super::template::Template;

/// Limit on the total size of all template sources, in bytes.
const MOST_BYTES: usize = 2 << 20;

/// Parsed templates, indexed by source.
#[derive(Default)]
pub struct Templates {
    by_source: HashMap<Box<str>, Arc<Template>>,
    num_bytes: usize,
}

impl Templates {
    /// Validates a template and returns the additional bytes that it needs; 0 if it is already
    /// stored. `num_pending` bytes of other templates are about to be added.
    ///
    /// # Errors
    /// Names the unsupported part, or the exceeded limit.
    pub fn check(&self, source: &str, num_pending: usize) -> Result<usize, String> {
        if self.by_source.contains_key(source) {
            return Ok(0);
        }
        if self.num_bytes + num_pending + source.len() > MOST_BYTES {
            return Err(format!("templates have {} MiB already", MOST_BYTES >> 20));
        }
        Template::parse(source).map(|_| source.len())
    }

    /// Template of a source, parsed on first use; `None` if the source is invalid.
    pub fn take(&mut self, source: &str) -> Option<Arc<Template>> {
        if let Some(template) = self.by_source.get(source) {
            return Some(Arc::clone(template));
        }
        let template = Arc::new(Template::parse(source).ok()?);
        self.num_bytes += source.len();
        self.by_source.insert(source.into(), Arc::clone(&template));
        Some(template)
    }

    /// Removes the given sources that have no other reference.
    pub fn release<'a>(&mut self, sources: impl Iterator<Item = &'a str>) {
        for source in sources {
            let is_unused = self.by_source.get(source).is_some_and(|it| Arc::strong_count(it) == 1);
            if is_unused {
                self.by_source.remove(source);
                self.num_bytes -= source.len();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_templates_are_parsed_once_and_dropped_with_their_last_user() {
        let mut templates = Templates::default();
        let source = "{{ value | float / 2 }}";
        let (first, second) = (templates.take(source).unwrap(), templates.take(source).unwrap());
        assert!(Arc::ptr_eq(&first, &second));
        assert_eq!(templates.check(source, 0), Ok(0));
        drop(first);
        templates.release([source].into_iter());
        assert_eq!(templates.num_bytes, source.len());
        drop(second);
        templates.release([source].into_iter());
        assert_eq!((templates.num_bytes, templates.by_source.len()), (0, 0));
        assert!(templates.check(source, MOST_BYTES).unwrap_err().contains("2 MiB"));
    }
}
