//! The command line that every module shares: options of the module as flags, words, a file with options, and how to run.

pub mod given;
pub mod help;
pub mod spec;
pub mod words;

use given::Given;
use lexopt::Parser;
use lexopt::prelude::{Long, Short, Value};
use spec::Spec;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use words::{Beside, Words};

/// Who reads the output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Output {
    /// Ansible or another program: one JSON object.
    #[default]
    Json,
    /// A person: lines as things happen, errors on standard error.
    Text,
    /// A timer: nothing but errors.
    Quiet,
}

/// What a command line asks for.
#[derive(Debug, PartialEq, Eq)]
pub enum Cli {
    /// Run the module.
    Run(Run),
    /// Print the usage.
    Help,
    /// Print the version.
    Version,
    /// Print the argument spec.
    #[cfg(feature = "argspec")]
    Argspec,
}

/// How to run the module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Run {
    /// The file with options, `-` for standard input; none where the command line says all.
    pub file: Option<PathBuf>,
    /// Options of the module that the command line says, which win over those of the file.
    pub given: Given,
    /// Who reads the output.
    pub output: Output,
    /// Check mode.
    pub check: bool,
    /// Only say what is wrong with the options.
    pub validate: bool,
    /// Show every command.
    pub debug: bool,
    /// Where the JSON result is kept, whatever else is printed.
    pub result: Option<PathBuf>,
    /// Where figures for Prometheus are kept.
    pub metrics: Option<PathBuf>,
}

/// The flags that every program has: with the letter, what a value is called, and what they do.
pub const COMMON: [(&str, &str, &str, &str); 11] = [
    ("check", "n", "", "Run only commands that read, and say what would be done. Also --dry-run."),
    ("validate", "", "", "Run nothing at all, and say of all options what is wrong with them; exit 0 or 2."),
    ("text", "", "", "Print lines for a person: the default, unless FILE is all that is given."),
    ("json", "", "", "Print one JSON object: the default where FILE is all that is given."),
    ("quiet", "q", "", "Print nothing but errors."),
    ("debug", "", "", "Show every command that was run."),
    (
        "result",
        "",
        "FILE",
        "Also keep the JSON object there, of a failed run too, with started, finished, last_success (seconds since 1970).",
    ),
    ("metrics", "", "FILE", "Also keep figures there for Prometheus (the textfile collector of node_exporter)."),
    ("dry-run", "", "", ""),
    ("version", "V", "", "Print the version."),
    ("help", "h", "", "Print this."),
];

/// What has been read so far.
#[derive(Default)]
struct Front {
    run: Run,
    words: Vec<String>,
    text: bool,
    json: bool,
    quiet: bool,
}

impl Cli {
    /// Reads the command line, without the program's name. `needs_no_file`: it runs without any option, too.
    pub fn parse<Word: Into<OsString>>(
        argv: impl IntoIterator<Item = Word>,
        spec: &Spec,
        words: Words,
        needs_no_file: bool,
    ) -> Result<Self, String> {
        let mut parser = Parser::from_args(argv);
        let mut front = Front::default();
        while let Some(word) = parser.next().map_err(|error| error.to_string())? {
            match word {
                Short('h') | Long("help") => return Ok(Self::Help),
                Short('V') | Long("version") => return Ok(Self::Version),
                #[cfg(feature = "argspec")]
                Long("argspec") => return Ok(Self::Argspec),
                Long("text") => front.text = true,
                Long("json") => front.json = true,
                Short('q') | Long("quiet") => front.quiet = true,
                Short('n') | Long("check" | "dry-run") => front.run.check = true,
                Long("validate") => {
                    front.run.validate = true;
                    // Both `--validate FILE` and `--validate=FILE`.
                    let file = parser.optional_value().map(|file| given::text("FILE", file)).transpose()?;
                    front.words.extend(file);
                }
                Long("debug") => front.run.debug = true,
                Long("result") => front.run.result = Some(path("--result", &mut parser)?),
                Long("metrics") => front.run.metrics = Some(path("--metrics", &mut parser)?),
                Long(name) => {
                    let name = name.to_owned();
                    let known = COMMON.map(|(flag, ..)| flag);
                    front.run.given.by_flag(spec, &name, &mut parser, &known)?;
                }
                Value(word) => front.words.push(given::text("FILE", word)?),
                Short(letter) => return Err(format!("there is no option -{letter}")),
            }
        }
        front.finish(words, needs_no_file).map(Self::Run)
    }
}

impl Front {
    fn finish(self, words: Words, needs_no_file: bool) -> Result<Run, String> {
        let mut run = self.run;
        let beside = Beside { given: &run.given, is_file: &is_file };
        match words(&self.words, beside)? {
            Some(given) => run.given.join(given)?,
            None => run.file = self.words.into_iter().next().map(PathBuf::from),
        }
        if run.file.as_ref().is_some_and(|file| file.as_os_str().is_empty()) {
            return Err("FILE wants the path of a file".to_owned());
        }
        run.check_together()?;
        if run.file.is_none() && run.given.is_empty() && !needs_no_file {
            return Err("there is nothing to do: say what with options, or name a FILE that holds them".to_owned());
        }
        run.output = match (self.quiet, self.text, self.json) {
            (_, true, true) => return Err("--text and --json are two ways to answer: give one of them".to_owned()),
            (true, ..) => Output::Quiet,
            (false, true, _) => Output::Text,
            (false, _, true) => Output::Json,
            // Whoever writes options by hand reads the answer, too.
            (false, false, false) if run.given.is_empty() && !run.validate => Output::Json,
            (false, false, false) => Output::Text,
        };
        Ok(run)
    }
}

impl Run {
    /// What only a run can do is not asked of one that is none.
    fn check_together(&self) -> Result<(), String> {
        if !self.validate {
            return Ok(());
        }
        let given = [
            ("--check", self.check),
            ("--debug", self.debug),
            ("--result", self.result.is_some()),
            ("--metrics", self.metrics.is_some()),
        ];
        match given.into_iter().find(|(_, is_given)| *is_given) {
            Some((flag, _)) => Err(format!("--validate runs nothing, so {flag} has nothing to tell: leave it out")),
            None if self.file.is_none() && self.given.is_empty() => {
                Err("--validate wants a FILE with options, or - for standard input".to_owned())
            }
            None => Ok(()),
        }
    }
}

/// Whether options may be read from there. A folder is often called as a dataset is.
fn is_file(word: &str) -> bool {
    let path = Path::new(word);
    path.exists() && !path.is_dir()
}

fn path(flag: &str, parser: &mut Parser) -> Result<PathBuf, String> {
    let value = parser.value().map_err(|_| format!("{flag} wants the path of a file"))?;
    if value.is_empty() { Err(format!("{flag} wants the path of a file")) } else { Ok(value.into()) }
}

#[cfg(test)]
mod tests {
    use super::spec::tests::sample;
    use super::words::sources_and_target;
    use super::{Cli, Output, Run};

    fn parse(line: &str) -> Result<Cli, String> {
        Cli::parse(line.split_whitespace(), &sample(), sources_and_target, false)
    }

    fn run(line: &str) -> Run {
        match parse(line) {
            Ok(Cli::Run(run)) => run,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn one_file_and_how_to_run() {
        let expected = Run {
            file: Some("-".into()),
            output: Output::Text,
            check: true,
            debug: true,
            result: Some("/r.json".into()),
            ..Run::default()
        };
        assert_eq!(run("--text --check --result=/r.json - --debug"), expected);
        assert_eq!(run("--debug -n --text --result /r.json -"), expected);
        assert_eq!(parse("a.json --help"), Ok(Cli::Help));
        let Ok(Cli::Run(run)) = Cli::parse(["--text"], &sample(), sources_and_target, true) else {
            panic!("no file is needed")
        };
        assert_eq!(run.file, None);
    }

    #[test]
    fn who_writes_options_reads_text() {
        assert_eq!(run("a.json").output, Output::Json);
        assert_eq!(run("a.json --check --debug").output, Output::Json);
        assert_eq!(run("a.json --holds").output, Output::Text);
        assert_eq!(run("tank vault").output, Output::Text);
        assert_eq!(run("tank vault --json").output, Output::Json);
        assert_eq!(run("tank vault -q").output, Output::Quiet);
        assert_eq!(run("--validate a.json").output, Output::Text);
        assert_eq!(run("--validate a.json --json").output, Output::Json);
    }

    #[test]
    fn what_does_not_go_together_is_refused() {
        for (line, message) in [
            ("a.json --result", "--result wants the path of a file"),
            ("a.json --result=", "--result wants the path of a file"),
            ("--text", "there is nothing to do: say what with options, or name a FILE that holds them"),
            ("--texxt a", "there is no option --texxt; did you mean --text?"),
            ("-x a", "there is no option -x"),
            ("--text=x a", "unexpected argument for option '--text': \"x\""),
            ("--text --json a.json", "--text and --json are two ways to answer: give one of them"),
            ("tank vault --source=a", "--source and tank say the same thing: give one of them"),
            ("--validate a.json -n", "--validate runs nothing, so --check has nothing to tell: leave it out"),
            ("--validate a.json --result r", "--validate runs nothing, so --result has nothing to tell: leave it out"),
            ("--validate", "--validate wants a FILE with options, or - for standard input"),
            ("nas:tank vault --source-host=nas", "--source-host and nas:tank say the same thing: give one of them"),
        ] {
            assert_eq!(parse(line).unwrap_err(), message, "{line}");
        }
        assert_eq!(run("tank vault --source-host nas").file, None);
        assert_eq!(run("--validate=a.json"), run("a.json --validate"));
    }
}
