//! What it is asked: by its own arguments, by the environment, and by test runners.

use std::ops::Range;

use clap::Parser;
use quell::sim::{Case, Crashes, Fault, Faults, Moment};

/// Lives through simulated worlds and says which promise breaks.
#[derive(Parser)]
#[command(
    after_help = "Without arguments every trial runs with its small default. Exit code 1: a promise was broken; seed and trace are printed."
)]
pub struct Args {
    /// One seed: prints all that happens, and its hash.
    #[arg(long, value_name = "N", env = "QUELL_SIM_SEED")]
    pub seed: Option<u64>,
    /// How many seeds.
    #[arg(long, value_name = "N", env = "QUELL_SIM_SEEDS")]
    seeds: Option<u64>,
    /// The first seed.
    #[arg(long, value_name = "M", default_value_t = 0)]
    from: u64,
    /// Worlds at a time; as many as there are processors unless said.
    #[arg(long, value_name = "T", env = "QUELL_SIM_THREADS", alias = "test-threads")]
    threads: Option<usize>,
    /// Each seed once for every write of its journal, with a crash exactly there.
    #[arg(long)]
    crash_everywhere: bool,
    /// The same, and once more while it recovers.
    #[arg(long)]
    pub crash_recovery: bool,
    /// Goes on after a broken promise, and says all of them.
    #[arg(long)]
    pub keep_going: bool,
    /// A crash at this write only: `before:N`, `after:N` or `never`.
    #[arg(long, value_name = "WHERE", value_parser = crash_at)]
    crash_at: Option<Crashes>,
    /// Each seed twice: the same hash.
    #[arg(long)]
    twice: bool,
    /// Only these faults: names or their beginnings, `crash` is every `crash-…`; `none` is nothing.
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = faults)]
    faults: Vec<Faults>,
    /// Bugs are planted, one after the other, until each is found. Needs a build with them.
    #[arg(long)]
    planted: bool,
    /// Only the bug of this name; may be given again.
    #[arg(long = "bug", value_name = "NAME", requires = "planted")]
    pub bugs: Vec<String>,
    /// How many worlds a bug may live through.
    #[arg(long, value_name = "N", default_value_t = 10_000, requires = "planted")]
    pub upto: u64,
    /// Names of trials, or parts of them.
    filters: Vec<String>,
    /// Prints the names of the trials.
    #[arg(long)]
    pub list: bool,
    #[command(flatten)]
    runner: Runner,
    /// What is ignored: nothing is.
    #[arg(long, hide = true)]
    pub ignored: bool,
}

/// What test runners say to every test, and means nothing here.
#[derive(clap::Args)]
#[command(next_help_heading = "Understood for the sake of test runners")]
struct Runner {
    #[arg(long, hide = true)]
    exact: bool,
    #[arg(long, hide = true, alias = "no-capture")]
    nocapture: bool,
    #[arg(long, hide = true)]
    include_ignored: bool,
    #[arg(long, hide = true)]
    show_output: bool,
    #[arg(long, short, hide = true)]
    quiet: bool,
    #[arg(long, hide = true, value_name = "FORMAT")]
    format: Option<String>,
    #[arg(long, hide = true, value_name = "WHEN")]
    color: Option<String>,
    #[arg(long, hide = true, value_name = "FILTER")]
    skip: Vec<String>,
    #[arg(short = 'Z', hide = true, value_name = "FLAG")]
    unstable: Vec<String>,
}

fn crash_at(word: &str) -> Result<Crashes, String> {
    let wrong = || "it has to be before:N, after:N or never".to_owned();
    if word == "never" {
        return Ok(Crashes::Never);
    }
    let (moment, write) = word.split_once(':').ok_or_else(wrong)?;
    let write = write.parse().map_err(|_| wrong())?;
    let moment = match moment {
        "before" => Moment::Before,
        "after" => Moment::After,
        _ => return Err(wrong()),
    };
    Ok(Crashes::At { write, moment, again: false })
}

fn faults(word: &str) -> Result<Faults, String> {
    if word == "none" {
        return Ok(Faults::NONE);
    }
    let begins = |fault: &&Fault| {
        let rest = fault.name().strip_prefix(word);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    };
    let set = Fault::ALL.iter().filter(begins).fold(Faults::NONE, |set, fault| set.with(*fault));
    if set != Faults::NONE {
        return Ok(set);
    }
    let known: Vec<&str> = Fault::ALL.iter().map(|fault| fault.name()).collect();
    Err(format!("no fault is called that; there are {}", known.join(", ")))
}

impl Args {
    /// From the command line and the environment; ends the process if they cannot be understood.
    pub fn read() -> Self {
        Args::parse()
    }

    /// Whether a trial runs.
    pub fn wants(&self, name: &str) -> bool {
        let matches = |filter: &String| match self.runner.exact {
            true => filter == name,
            false => name.contains(filter.as_str()),
        };
        if self.runner.skip.iter().any(matches)
            || !(self.filters.is_empty() || self.filters.iter().any(matches))
        {
            return false;
        }
        let everywhere = (self.crash_everywhere || self.crash_recovery) && self.crash_at.is_none();
        let asked = [self.seed.is_some() || !(self.twice || everywhere), self.twice, everywhere];
        if self.planted || name == "planted_bugs_are_found" {
            return self.planted && name == "planted_bugs_are_found";
        }
        // Without a wish for one of them, all run.
        let plain = self.seed.is_none() && !self.twice && !everywhere && self.seeds.is_none();
        match name {
            "seeds_hold_every_promise" => asked[0],
            "the_same_seed_is_the_same_world" => asked[1] || plain,
            "seeds_that_broke_one_hold_it_now" => plain,
            "a_crash_at_every_write_is_survived" => asked[2] || plain,
            _ => true,
        }
    }

    /// The seeds to live, `few` of them unless said.
    pub fn seeds(&self, few: u64) -> Range<u64> {
        if let Some(seed) = self.seed {
            return seed..seed + 1;
        }
        self.from..self.from.saturating_add(self.seeds.unwrap_or(few))
    }

    /// The world of a seed.
    pub fn case(&self, seed: u64) -> Case {
        let only = |set: Faults, more: &Faults| set.union(*more);
        let faults = match self.faults.is_empty() {
            true => Faults::ALL,
            false => self.faults.iter().fold(Faults::NONE, only),
        };
        let mut crashes = self.crash_at.unwrap_or(Crashes::ByChance);
        if let Crashes::At { again, .. } = &mut crashes {
            *again = self.crash_recovery;
        }
        Case { faults, crashes, ..Case::new(seed) }
    }

    /// Whether everything may go wrong.
    pub fn all_faults(&self) -> bool {
        self.faults.is_empty() && self.crash_at.is_none()
    }

    /// Worlds at a time.
    pub fn threads(&self) -> usize {
        let all = || std::thread::available_parallelism().map_or(1, |n| n.get());
        self.threads.unwrap_or_else(all).max(1)
    }
}
