//! What a reader can take: <https://www.rfc-editor.org/rfc/rfc9110#name-content-negotiation>. Pure.

use module_utils::status::metrics::Format;

/// The media types of an `Accept` header with their weights, those without a weight first in doubt.
fn weighted(header: &str) -> impl Iterator<Item = (String, String, f32)> {
    header.split(',').filter_map(|part| {
        let mut words = part.split(';').map(str::trim);
        let media = words.next()?.to_ascii_lowercase();
        let (mut weight, mut version) = (1.0, String::new());
        for word in words {
            match word.split_once('=') {
                Some(("q", value)) => weight = value.parse().unwrap_or(0.0),
                Some(("version", value)) => value.trim_matches('"').clone_into(&mut version),
                _ => {}
            }
        }
        Some((media, version, weight))
    })
}

/// The format of series for a reader; the plain text of Prometheus for those who do not say.
/// <https://prometheus.io/docs/instrumenting/content_negotiation/>
#[must_use]
pub fn format(accept: Option<&str>) -> Format {
    let (mut open, mut plain) = (0.0_f32, 0.0_f32);
    for (media, version, weight) in weighted(accept.unwrap_or_default()) {
        match media.as_str() {
            "application/openmetrics-text" if matches!(version.as_str(), "" | "1.0.0" | "0.0.1") => {
                open = open.max(weight);
            }
            "text/plain" | "text/*" | "*/*" => plain = plain.max(weight),
            _ => {}
        }
    }
    if open > 0.0 && open >= plain { Format::OpenMetrics } else { Format::Prometheus }
}

/// True if the reader asks for HTML by name; `curl` does not.
#[must_use]
pub fn wants_html(accept: Option<&str>) -> bool {
    weighted(accept.unwrap_or_default())
        .any(|(media, _, weight)| weight > 0.0 && matches!(media.as_str(), "text/html" | "application/xhtml+xml"))
}

/// True if the reader takes gzip.
#[must_use]
pub fn takes_gzip(accept_encoding: Option<&str>) -> bool {
    weighted(accept_encoding.unwrap_or_default()).any(|(coding, _, weight)| weight > 0.0 && coding == "gzip")
}

#[cfg(test)]
mod tests {
    use super::{format, takes_gzip, wants_html};
    use module_utils::status::metrics::Format;

    #[test]
    fn as_the_reader_likes() {
        let prometheus = "application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
        assert_eq!(format(Some(prometheus)), Format::OpenMetrics);
        for plain in [
            None,
            Some("*/*"),
            Some("text/plain;version=0.0.4;q=0.5,*/*;q=0.1"),
            Some("text/plain, application/openmetrics-text;q=0.5"),
            Some("application/openmetrics-text;q=0"),
            Some("application/openmetrics-text;version=9.0"),
            Some(";;,=;q=x"),
        ] {
            assert_eq!(format(plain), Format::Prometheus, "{plain:?}");
        }
        assert!(wants_html(Some("text/html,application/xhtml+xml,*/*;q=0.8")));
        assert!(!wants_html(Some("*/*")) && !wants_html(None) && !wants_html(Some("text/html;q=0")));
        assert!(takes_gzip(Some("gzip, deflate")) && !takes_gzip(Some("gzip;q=0")) && !takes_gzip(Some("br")));
    }
}
