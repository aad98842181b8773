//! The status page: one screen without a script, in dark and light. What is on it is what a terminal gets.

use maud::{DOCTYPE, Markup, PreEscaped, html};
use module_utils::status::report::Status;
use module_utils::status::screen::{Cell, Screen, Section, Tone};

const STYLE: &str = include_str!("page.css");

/// Seconds after which a browser looks again.
const REFRESH: u32 = 60;

/// The page of a status.
pub fn page(status: &Status) -> Markup {
    let screen = Screen::new(status);
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="refresh" content=(REFRESH);
                title { (screen.verdict.text) " " (screen.host) }
                link rel="icon" href=(icon(screen.verdict.tone));
                style { (PreEscaped(STYLE)) }
            }
            body {
                header {
                    b class=(class(screen.verdict.tone)) { (screen.verdict.text) }
                    h1 { (screen.host) }
                    time datetime=(screen.at) { "looked at " (screen.at) }
                }
                @if !screen.problems.is_empty() {
                    ul.problems {
                        @for problem in &screen.problems {
                            li class=(class(problem.severity.tone)) {
                                b class=(class(problem.severity.tone)) { (problem.severity.text) } " "
                                b { (problem.subject) } span { ": " (problem.message) }
                                code { (problem.advice) }
                            }
                        }
                    }
                    @if screen.more_problems > 0 { p.more { "and " (screen.more_problems) " more: see the " a href="api/v1/status" { "JSON" } } }
                }
                @for table in &screen.sections { (section(table)) }
                footer {
                    span { "zfs_monitor " (status.version) }
                    a href="api/docs" { "API" }
                    a href="api/v1/status" { "JSON" }
                    a href="metrics" { "metrics" }
                }
            }
        }
    }
}

fn section(section: &Section) -> Markup {
    html! {
        section {
            h2 { (section.title) }
            div {
                @if section.rows.is_empty() { p.none { "none" } } @else {
                    table {
                        @if let Some(heading) = &section.heading {
                            thead { tr { @for cell in heading { th scope="col" { (cell.text) } } } }
                        }
                        tbody { @for row in &section.rows { tr { @for each in row { (cell(each)) } } } }
                    }
                }
                @if section.more > 0 { p.more { "and " (section.more) " more: see the JSON" } }
            }
        }
    }
}

fn cell(cell: &Cell) -> Markup {
    html! {
        td class=[Some(class(cell.tone)).filter(|class| !class.is_empty())] {
            @match cell.percent {
                Some(percent) => { meter min="0" max="100" high="85" optimum="0" value=(percent.min(100)) { (percent) " %" } " " (percent) " %" }
                None => (cell.text)
            }
        }
    }
}

fn class(tone: Tone) -> &'static str {
    match tone {
        Tone::Plain | Tone::Title => "",
        Tone::Good => "good",
        Tone::Warning => "warning",
        Tone::Unknown => "unknown",
        Tone::Bad => "bad",
    }
}

/// A disc in the colour of the verdict, so that it is seen among the tabs.
fn icon(tone: Tone) -> String {
    let color = match tone {
        Tone::Good | Tone::Plain | Tone::Title => "30a46c",
        Tone::Warning => "ffb224",
        Tone::Unknown => "6e56cf",
        Tone::Bad => "e5484d",
    };
    format!(
        "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Ccircle cx='8' cy='8' r='7' fill='%23{color}'/%3E%3C/svg%3E"
    )
}
