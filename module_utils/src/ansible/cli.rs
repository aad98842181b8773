//! The command line that every module shares.

use lexopt::Parser;
use lexopt::prelude::{Long, Short, Value};
use std::ffi::OsString;
use std::path::PathBuf;

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
#[derive(Debug, PartialEq, Eq)]
pub struct Run {
    /// The file with the arguments, `-` for standard input.
    pub file: PathBuf,
    /// Who reads the output.
    pub output: Output,
    /// Check mode.
    pub check: bool,
    /// Show every command.
    pub debug: bool,
    /// Where the JSON result is kept, whatever else is printed.
    pub result: Option<PathBuf>,
    /// Where figures for Prometheus are kept.
    pub metrics: Option<PathBuf>,
}

impl Cli {
    /// Reads the command line, without the program's name. `file` is what stands for the file where none is named; none if one must be.
    pub fn parse<Word: Into<OsString>>(
        argv: impl IntoIterator<Item = Word>,
        file: Option<&str>,
    ) -> Result<Self, String> {
        Self::read(&mut Parser::from_args(argv), file).map_err(|error| format!("{error}; see --help"))
    }

    fn read(parser: &mut Parser, file: Option<&str>) -> Result<Self, lexopt::Error> {
        let mut files = Vec::new();
        let (mut text, mut quiet, mut check, mut debug) = (false, false, false, false);
        let (mut result, mut metrics) = (None, None);
        while let Some(word) = parser.next()? {
            match word {
                Short('h') | Long("help") => return Ok(Self::Help),
                Short('V') | Long("version") => return Ok(Self::Version),
                #[cfg(feature = "argspec")]
                Long("argspec") => return Ok(Self::Argspec),
                Long("text") => text = true,
                Short('q') | Long("quiet") => quiet = true,
                Long("check") => check = true,
                Long("debug") => debug = true,
                Long("result") => result = Some(path("--result", parser.value()?)?),
                Long("metrics") => metrics = Some(path("--metrics", parser.value()?)?),
                Value(file) => files.push(path("FILE", file)?),
                _ => return Err(word.unexpected()),
            }
        }
        let output = match (text, quiet) {
            (_, true) => Output::Quiet,
            (true, false) => Output::Text,
            (false, false) => Output::Json,
        };
        if files.is_empty() {
            files.extend(file.map(PathBuf::from));
        }
        match <[PathBuf; 1]>::try_from(files) {
            Ok([file]) => Ok(Self::Run(Run { file, output, check, debug, result, metrics })),
            Err(files) => Err(format!("expected one file with the arguments, got {}", files.len()).into()),
        }
    }
}

fn path(what: &str, value: OsString) -> Result<PathBuf, lexopt::Error> {
    if value.is_empty() { Err(format!("{what} wants the path of a file").into()) } else { Ok(value.into()) }
}

/// The usage text; `own` are lines about options that only this program has.
#[must_use]
pub fn usage(name: &str, own: &str) -> String {
    format!(
        "Usage: {name} [--text | --quiet] [--check] [--debug] [--result FILE] [--metrics FILE] FILE

FILE holds the arguments as a JSON object; - reads them from standard input.
All options, with examples: ansible-doc -t module ferro.zfs.{name}

  --text          print lines for a person instead of one JSON object
  --quiet         print nothing but errors
  --check         run only commands that read, and say what would be done
  --debug         with --text: show every command that was run
  --result FILE   also keep the JSON object there, of a failed run too, with started, finished, last_success (seconds since 1970)
  --metrics FILE  also keep figures there for Prometheus (the textfile collector of node_exporter)
{own}  --version       print the version
  --help          print this
"
    )
}

#[cfg(test)]
mod tests {
    use super::{Cli, Output, Run};
    use std::path::PathBuf;

    fn parse(line: &str) -> Result<Cli, String> {
        Cli::parse(line.split_whitespace(), None)
    }

    #[test]
    fn one_file_and_flags() {
        let run = Run {
            file: "-".into(),
            output: Output::Text,
            check: true,
            debug: true,
            result: Some("/r.json".into()),
            metrics: None,
        };
        assert_eq!(
            parse("--text --check --result=/r.json - --debug"),
            parse("--debug --check --text --result /r.json -")
        );
        assert_eq!(parse("--text --check --result /r.json - --debug"), Ok(Cli::Run(run)));
        let Ok(Cli::Run(run)) = Cli::parse(["--text"], Some("")) else { panic!("no file is needed") };
        assert_eq!(run.file, PathBuf::new());
        assert_eq!(parse("a.json --help"), Ok(Cli::Help));
        for (line, message) in [
            ("a.json --result", "missing argument for option '--result'; see --help"),
            ("a.json --result=", "--result wants the path of a file; see --help"),
            ("a b", "expected one file with the arguments, got 2; see --help"),
            ("--text", "expected one file with the arguments, got 0; see --help"),
            ("--texxt a", "invalid option '--texxt'; see --help"),
            ("--text=x a", "unexpected argument for option '--text': \"x\"; see --help"),
        ] {
            assert_eq!(parse(line).unwrap_err(), message);
        }
    }
}
