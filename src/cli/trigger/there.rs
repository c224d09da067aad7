//! A workflow that is started in an engine at work, and watched from here. That the watching ends does
//! not end the run.

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use serde_json::json;

use super::super::args::Trigger;
use super::super::error::Error;
use super::super::output::{Sink, json, summary, tell};
use super::super::{Verdict, alone, ask, journal, records};
use super::{given, named};
use crate::control::client::{Client, Followed};
use crate::engine::{Record, Request, Run, State};
use crate::flow::machine::Status;
use crate::model::{RunId, Seq};

/// How long records are waited for at once.
const GLANCE: Duration = Duration::from_secs(1);

/// Starts the run there and waits for its end.
///
/// # Errors
/// It is refused, it does not complete, or the connection is lost.
pub fn run(args: &Trigger, folder: &Path, watcher: Client) -> Result<Verdict, Error> {
    let inputs = given(args)?;
    let mut sink = Sink::open(args.shown.out.as_deref())?;
    let state = records::before(folder)?.state;
    let mut watch = Watch { watcher, state, since: 0, kept: Vec::new() };
    let lost = |error| ask::failed(folder, error);
    let now = watch.watcher.welcome().seq;
    watch.watcher.subscribe(watch.state.seq() + 1).map_err(lost)?;
    while watch.state.seq() < now {
        watch.step(folder, None)?;
    }
    watch.since = now;
    let request = Request::Trigger { workflow: args.workflow.as_str().into(), inputs };
    let given = ask::ask(folder, &ask::asked(None, None, request)?)?.ok_or_else(|| ask::nobody(folder))?;
    if !given.accepted {
        return Err(Error::failed(format!("refused: {}", ask::shown(&given.text))));
    }
    let run = named(&given.text).ok_or_else(|| Error::failed("the engine names no run"))?;
    tell(&format!("quell: {} in {}", ask::shown(&given.text), folder.display()));
    loop {
        let over = watch.is_over(run) && watch.state.seq() >= given.seq;
        for line in watch.kept.drain(..) {
            if args.shown.json {
                sink.write_all(&line)?;
            }
        }
        sink.flush()?;
        if over {
            break;
        }
        watch.step(folder, Some(run))?;
    }
    if let Some(ended) = watch.state.run(run) {
        let text =
            if args.shown.json { totals(ended, &watch.state) } else { summary::run(ended, &watch.state) };
        sink.write_all(text.as_bytes())?;
        sink.flush()?;
    }
    alone::verdict(Some(run), &watch.state)
}

fn totals(run: &Run, state: &State) -> String {
    let (done, total) = run.progress();
    let fields = json!({
        "run": run.id().to_string(), "workflow": run.workflow(), "status": run.status().name(),
        "done": done, "total": total, "results": run.results(),
        "duration_ms": run.duration(state.now()).0 / 1_000,
    });
    let fields = fields.to_string();
    format!("{{\"type\":\"summary\",{}\n", fields.strip_prefix('{').unwrap_or(&fields))
}

struct Watch {
    watcher: Client,
    state: State,
    /// Records after this one are of interest.
    since: Seq,
    /// Lines about the run that are not printed yet.
    kept: Vec<Vec<u8>>,
}

impl Watch {
    fn step(&mut self, folder: &Path, run: Option<RunId>) -> Result<(), Error> {
        match self.watcher.follow(GLANCE).map_err(|error| ask::failed(folder, error))? {
            Followed::Records(records, _) => records.iter().try_for_each(|record| self.take(record, run)),
            Followed::Nothing => Ok(()),
            Followed::End => Err(Error::failed("the engine has stopped; the run goes on at its next start")),
        }
    }

    fn take(&mut self, record: &Record, run: Option<RunId>) -> Result<(), Error> {
        self.state.apply(record).map_err(|illegal| journal::unreadable(&illegal))?;
        if record.seq > self.since && run.is_some() && json::run_of(&record.event) == run {
            let mut line = Vec::new();
            json::line(record, &self.state, &mut line)?;
            self.kept.push(line);
        }
        Ok(())
    }

    fn is_over(&self, run: RunId) -> bool {
        let status = self.state.run(run).map(Run::status);
        status.is_some_and(|status| status.is_terminal() || status.waits_for_person())
    }
}
