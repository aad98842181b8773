//! The command line that every module shares.

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
    pub file: String,
    /// Who reads the output.
    pub output: Output,
    /// Check mode.
    pub check: bool,
    /// Show every command.
    pub debug: bool,
    /// Where the JSON result is kept, whatever else is printed.
    pub result: Option<String>,
    /// Where figures for Prometheus are kept.
    pub metrics: Option<String>,
}

impl Cli {
    /// Reads the command line, without the program's name.
    pub fn parse(argv: &[String]) -> Result<Self, String> {
        let mut files = Vec::new();
        let (mut text, mut quiet, mut check, mut debug) = (false, false, false, false);
        let (mut result, mut metrics) = (None, None);
        let mut words = argv.iter();
        while let Some(word) = words.next() {
            let mut path = || match words.next() {
                Some(path) if !path.is_empty() => Ok(Some(path.clone())),
                _ => Err(format!("{word} wants the path of a file; see --help")),
            };
            match word.as_str() {
                "--help" | "-h" => return Ok(Self::Help),
                "--version" | "-V" => return Ok(Self::Version),
                #[cfg(feature = "argspec")]
                "--argspec" => return Ok(Self::Argspec),
                "--text" => text = true,
                "--quiet" | "-q" => quiet = true,
                "--check" => check = true,
                "--debug" => debug = true,
                "--result" => result = path()?,
                "--metrics" => metrics = path()?,
                "-" => files.push(word.clone()),
                other if other.starts_with('-') => return Err(format!("unknown option {other}; see --help")),
                _ => files.push(word.clone()),
            }
        }
        let output = match (text, quiet) {
            (_, true) => Output::Quiet,
            (true, false) => Output::Text,
            (false, false) => Output::Json,
        };
        match <[String; 1]>::try_from(files) {
            Ok([file]) => Ok(Self::Run(Run { file, output, check, debug, result, metrics })),
            Err(files) => Err(format!("expected one file with the arguments, got {}; see --help", files.len())),
        }
    }
}

/// The usage text.
#[must_use]
pub fn usage(name: &str) -> String {
    format!(
        "Usage: {name} [--text | --quiet] [--check] [--debug] [--result FILE] [--metrics FILE] FILE

FILE holds the arguments as a JSON object; - reads them from standard input.
All options, with examples: ansible-doc -t module ferro.zfs.{name}

  --text          print lines for a person instead of one JSON object
  --quiet         print nothing but errors
  --check         run only commands that read, and say what would be done
  --debug         with --text: show every command that was run
  --result FILE   also keep the JSON object there, of a failed run too, with finished and last_success (seconds since 1970)
  --metrics FILE  also keep figures there for Prometheus (the textfile collector of node_exporter)
  --version       print the version
  --help          print this
"
    )
}

#[cfg(test)]
mod tests {
    use super::{Cli, Output, Run};

    fn parse(line: &str) -> Result<Cli, String> {
        Cli::parse(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
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
        assert_eq!(parse("--text --check --result /r.json - --debug"), Ok(Cli::Run(run)));
        assert_eq!(parse("a.json --result").unwrap_err(), "--result wants the path of a file; see --help");
        assert_eq!(parse("a.json --help"), Ok(Cli::Help));
        assert_eq!(parse("a b").unwrap_err(), "expected one file with the arguments, got 2; see --help");
        assert_eq!(parse("--texxt a").unwrap_err(), "unknown option --texxt; see --help");
    }
}
