//! What `--help` says below the options. Paragraphs are one line each: they are wrapped to the
//! terminal. Lines of examples fit into 80 columns.

/// `quell --help`.
pub const EXERCISE: &str = "\
Examples:
  quell                                the exercise: a console on a recording
  quell --headless                     the same without a console, all at once
  quell replay eve.json auth.log       what would be found in your own logs
  quell trigger block-address address=192.0.2.7
  quell check my-setup/                look for mistakes in a setup

Without a verb quell is an exercise, and a replay never acts: agents are drills, which pretend, or builtins, which write only in the state folder. With a setup of your own that says `exercise: false`, `trigger` acts on the world, once its workflow is armed.

Environment: QUELL_CONFIG names the folder of the setup; QUELL_LOG sets what is logged, for example `info` or `quell::engine=debug`; NO_COLOR is respected.

Exit codes: 0 everything ended; 1 quell failed; 2 usage or setup; 3 something waits for a person.";

/// `quell replay --help`.
pub const REPLAY: &str = "\
Examples:
  quell replay eve.json                a console, at the pace of the recording
  quell replay eve.json --speed 10     ten times as fast
  quell replay *.log --json            as fast as possible, as JSON lines
  quell replay auth.log --year 2024 --tz Europe/Berlin
  quell replay big.json --headless --state work/
                                       keeps a journal: kill it, start it again,
                                       and it goes on

At `--speed max` time is virtual: nothing waits, and two replays of the same files give the same records on every machine; the summary has their hash.

A line that is no signal is counted, shown in the summary and never fatal; --quarantine keeps such lines.

Exit codes: 0 every run ended (rolled back counts); 1 a file or the journal failed; 2 usage or setup; 3 something waits for a person; 141 nobody reads the output.";

/// `quell run --help`.
pub const RUN: &str = "\
Examples:
  quell run                            the `sources` of the setup
  quell run --follow /var/log/auth.log
  quell run --follow sshd:/var/log/auth.log eve:/var/log/suricata/eve.json
  quell run --follow auth.log --from start --state work/ --json
  journalctl -f -o short-iso -u ssh | quell run -
  mkfifo signals; quell run signals
  quell run syslog:udp://127.0.0.1:5514 tcp://127.0.0.1:5514

In a setup with `exercise: true` drills act, and nothing is kept unless --state says where. In any other setup agents act as its workflows are armed, and the state is kept.

With a state folder quell remembers how far it read: after a stop, a crash or kill -9 it reads on from there, also if the file was rotated meanwhile, and what was handled before is not handled again; --from counts for files that it has not followed before. A pipe or a socket cannot be read again.

It ends when every pipe has ended and no run is live. A followed file and a socket have no end: TERM or INT stops it, what is in flight finishes first.

Exit codes: 0 it ended; 1 a source or the journal failed; 2 usage or setup; 3 something waits for a person; 141 nobody reads the output.";

/// `quell trigger --help`.
pub const TRIGGER: &str = "\
Examples:
  quell trigger block-address address=192.0.2.7
  quell trigger block-address address=192.0.2.7 for=2h --state work/
  quell trigger contain-port-scan address=192.0.2.7 --json

A wrong name or input is answered with what there is.

In an exercise drills act. In a real setup the run acts if its workflow is armed; else it only observes, and says what it would have done.

Exit codes: 0 the run completed; 1 it did not; 2 usage or setup; 3 it waits for a person.";

/// `quell arm --help`.
pub const ARM: &str = "\
Examples:
  quell arm contain-port-scan
  quell arm contain-port-scan --state work/ --json

A new workflow of a real setup only observes: its runs record what would be done. Armed, they do it. An edit of its file disarms it.

Exit codes: 0 it is armed; 1 it was refused, or an engine is at work in the state folder; 2 usage or setup.";

/// `quell disarm --help`.
pub const DISARM: &str = "\
Examples:
  quell disarm contain-port-scan

Runs that are under way go on as they are. Exit codes: as of `quell arm`.";

/// `quell answer --help`.
pub const ANSWER: &str = "\
Examples:
  quell answer run-7 unplug done
  quell answer run-7 unplug failed --text 'the door is locked'
  quell answer run-7 unplug done --undo

Then the run goes on, to its end or to the next question.

Exit codes: 0 the run completed; 1 it did not; 2 usage or setup; 3 it waits for a person.";

/// `quell approvals --help`.
pub const APPROVALS: &str = "\
Examples:
  quell approvals
  quell approvals --json | jq 'select(.type == \"approval\")'

A step that needs an approval is resolved first: HASH stands for exactly what it would do, and for nothing else. Below: how many targets
were acted on, to compare with `budgets` in settings.yaml and `limits` of workflows.";

/// `quell approve --help`.
pub const APPROVE: &str = "\
Examples:
  quell approve run-7 isolate
  quell approve run-7 isolate --hash 3f2a91c0

Prints what the step would do, and approves that. With --hash it is refused if the step would do anything else by now.
One uid is one person, also behind sudo: whoever approves twice counts once. It takes the role `approve`, and where the workflow names
people (`from`), to be one of them.

Exit codes: 0 it is approved, or waits for more people; 1 it was refused; 2 usage or setup; 3 its run waits for a person.";

/// `quell confirm --help`.
pub const CONFIRM: &str = "\
Examples:
  quell confirm run-7 isolate

A step with `confirm: 60s` is undone after that time, also if its run has ended, unless somebody confirms it. It takes the role `approve`.
`quell approvals` lists what waits for it.

Exit codes: 0 it is confirmed; 1 it was refused, for example since it is too late; 2 usage or setup.";

/// `quell deny --help`.
pub const DENY: &str = "\
Examples:
  quell deny run-7 isolate --reason 'the host is ours'

The step fails, with what its workflow says for that: in general the run is rolled back. One no is enough.

Exit codes: 0 it is denied; 1 it was refused; 2 usage or setup.";

/// `quell journal show --help`.
pub const JOURNAL: &str = "\
Examples:
  quell journal show --state work/
  quell journal show --state work/ --json | jq 'select(.type == \"step\")'

It may be read while another quell writes it. Of an archive, name the file.";

/// `quell journal archive --help`.
pub const ARCHIVE: &str = "\
Examples:
  quell journal archive --state work/ --keep-days 90 --to 2026-11.db
  quell journal archive --state work/ --before 500000 --to old.db
  quell journal show old.db            what was archived
  quell journal verify old.db

What a live run, an open incident or an effect that is not over began with stays in the journal, and all
that came after it. The last record stays too. The journal goes on with the hash of the last record that
left it. Keep the file: `explain` and `report` of what it has need it back.";

/// `quell journal restore --help`.
pub const RESTORE: &str = "\
Examples:
  quell journal restore --state work/ old.db

The archive stays as it is. It also mends a journal that can no longer say what it begins with.";

/// `quell detect --help`.
pub const DETECT: &str = "\
Examples:
  quell detect --rules sigma/rules/ events.jsonl
  quell detect --rules my.yml --rules filters/ eve.json --json
  quell detect --rules sigma/ --threads 4 --json big.jsonl > matches.jsonl

Nothing is started and nothing is kept: no engine, no state. A rule with mistakes is left out and counted; `quell rules --check` lists them. A line that is no signal is counted.

Each match is shown once, with the line that completed it and the author of its rule. A correlation that goes on is told as `update`, at most once a second of its own time.

Exit codes: 0 every line was read; 1 a file failed; 2 usage, or no rule is sound; 141 nobody reads the output.";

/// `quell rules --help`.
pub const RULES: &str = "\
Examples:
  quell rules                          the rules of the setup
  quell rules --rules sigma/ --check   mistakes as file:line:column
  quell rules --rules sigma/ --coverage --json

Exit codes: 0 every rule is sound; 2 one is not.";

/// `quell journal verify --help`.
pub const VERIFY: &str = "\
Examples:
  quell journal verify --state work/
  quell journal verify --state work/ --json

Every record carries a hash over itself and the one before it. The last record and its hash are also in
the file journal.head, since the last checkpoint or clean stop: what came after that can be cut off
without a trace. Keep the hash that this prints elsewhere, and compare: who may write both files may
also write both anew.

Exit codes: 0 the journal is whole; 1 it is not, and the first bad record is named.";

/// `quell check --help`.
pub const CHECK: &str = "\
Examples:
  quell check                          the setup that would be used now
  quell check my-setup/                a folder

Every mistake is reported at once, as file:line:column. Exit codes: 0 it is fine; 2 it is not.";

/// `quell states --help`.
pub const STATES: &str = "\
Examples:
  quell states                         for people
  quell states --json | jq .run.transitions

They are printed from the tables that the engine runs.";

/// `quell serve --help`.
pub const ATTACH: &str = "\
Examples:
  quell attach
  quell attach --state /var/lib/quell --read-only
  ssh -t host quell attach --state /var/lib/quell

Any number of consoles may be attached at once. Leaving one is nothing to the engine. If the engine is lost, the console says so, and calls it again every second.

Exit codes: 0 left; 1 no engine, or no terminal; 143, 130, 129 ended by TERM, INT, HUP.";

/// `quell serve --help`.
pub const SERVE: &str = "\
Examples:
  quell serve --config my-setup/ --state /var/lib/quell
  quell serve --follow sshd:/var/log/auth.log
  quell runs --state /var/lib/quell    from another terminal
  kill -HUP PID                        reads the setup anew, as quell reload

It watches what is named, as `quell run` does, else the `sources` of its settings, else nothing: then runs begin by `quell trigger` only.

It listens on the control socket of the state folder, by which every verb finds it. TERM or INT: nothing new is started, what is in flight ends; a second one ends at once.

Exit codes: 0 every run ended; 1 quell failed; 2 usage or setup; 3 runs are left for the next start.";

/// `quell pause --help` and the like.
pub const STEER: &str = "\
Examples:
  quell pause run-7
  quell cancel run-7 --state /var/lib/quell
  quell resume run-7 --seen 214        only if nothing has changed since
  quell abandon run-7 --yes-abandon run-7
  quell close inc-3 --reason 'known scanner' --dismiss

The engine that owns the state folder is asked. If none does, the folder is opened, the request is carried out, and what is live there goes on until nothing is left to do.

Exit codes: 0 accepted; 1 refused, with the reason and who was first; 2 usage or setup; 3 it waits for a person.";

/// `quell settle --help`.
pub const SETTLE: &str = "\
Examples:
  quell runs run-7                     what is in doubt, and what is possible
  quell settle run-7 block done --reason 'seen in the firewall'
  quell settle run-7 block undo
  quell settle run-8 isolate again
  quell settle run-8 isolate skip --reason 'the host is gone'

Of a parked run a step in doubt is settled: again, undo, done or failed. Of a rollback that is stuck, or waits for its next attempt, an undo: again, done by hand, or skip. When nothing is left to settle the run goes on, or ends.

Exit codes: as of `quell pause`.";

/// `quell reload --help`.
pub const RELOAD: &str = "\
Examples:
  quell reload
  quell reload --state /var/lib/quell --json

The engine reads its own setup folder. With a mistake in it nothing changes, and every mistake is listed. Runs keep the text of the workflow that they began with.";

/// `quell runs --help` and the like.
pub const VIEWS: &str = "\
Examples:
  quell runs
  quell runs run-7                     one run with its steps
  quell incidents --state /var/lib/quell
  quell runs --all --json | jq 'select(.status == \"parked\")'

From the engine at work in the state folder, else from its journal. The latest come last.";

/// `quell ledger --help`.
pub const LEDGER: &str = "\
Examples:
  quell ledger
  quell ledger --target 192.0.2.7 --all
  quell ledger --json | jq -r 'select(.status == \"in_force\").target'

What ends first comes first. ENDS says what ends it: `by itself` whether quell lives or not (a timeout of the kernel), `by quell` only while an engine is at work, `when lifted` not before somebody does. HOLDERS are the runs that want it to last. From the engine at work in the state folder, else from its journal.";

/// `quell lift --help`.
pub const LIFT: &str = "\
Examples:
  quell lift ob-7
  quell lift --target 192.0.2.7 --reason 'our own scanner'
  quell lift --last 10m                asks, if that is more than one
  quell lift --all --yes --json

What was done last is undone first. An effect that several runs hold is lifted for all of them by its id, target or age; for one run or incident only that one lets go, and it stays for the others. A lift goes on in a halt. It is by the engine at work in the state folder; if there is none, the folder is opened, and what is live there goes on too.

Exit codes: 0 all of it is lifted; 1 refused, with the reason and who was first; 2 usage or setup; 3 something waits for a person.";

/// `quell explain --help`.
pub const EXPLAIN: &str = "\
Examples:
  quell explain run-7
  quell explain run-7 --state /var/lib/quell --json | jq .began.because

What set the run off, why it acted or only observed, which agent got each step and by which figures, what was refused, tried again, skipped or undone, who decided, and what is left to do. From the records alone: runs that ended long ago are explained too.";

/// `quell report --help`.
pub const REPORT: &str = "\
Examples:
  quell report --since 12h
  quell report --since 2026-11-21T06:00:00Z --until 2026-11-21T14:00:00Z
  quell report --since 8h --json | jq .first

What to do first, incidents, runs, what is in force and what of it ends soon, what people did, what was refused. From the engine at work in the state folder, else from its journal.";

/// `quell metrics --help`.
pub const METRICS: &str = "\
Examples:
  quell metrics
  quell metrics --state /var/lib/quell --json | jq .late

From the engine at work in the state folder; its figures are in no journal. Latencies in microseconds.";

/// `quell events --help`.
pub const EVENTS: &str = "\
Examples:
  quell events --json
  quell events --follow --json | jq 'select(.type == \"run\")'
  quell events --from 200              record 200 and what came after

From the engine at work in the state folder, else from its journal.";

/// `quell bench --help`.
pub const BENCH: &str = "\
Examples:
  quell bench                          everything, once, in memory
  quell bench workflow --durable --floor
                                       on a disk too, beside bare loops
  quell bench --scale 100 --repeat 5 --json --out base.json
  quell bench --scale 100 --repeat 5 --baseline base.json

Agents answer at once: what is measured is quell itself. Only a release build, on a machine that does nothing else, says something.

Exit codes: 0 every threshold holds; 1 one does not, or something became slower than the baseline allows; 2 usage.";

/// `quell completions --help`.
pub const COMPLETIONS: &str = "\
Examples:
  quell completions bash > ~/.local/share/bash-completion/completions/quell
  quell completions zsh > ~/.zfunc/_quell
  quell completions fish > ~/.config/fish/completions/quell.fish";

/// `quell halt --help`.
pub const HALT: &str = "\
It works on a running engine and on a stopped one: the file HALT is left in the state folder, and
while it is there nothing is begun, forward or undo. `touch STATE/HALT` does the same. It survives a
restart. Exit code 3: work waits for `quell release`.

Examples:
  quell halt --reason \"wrong block list\"
  quell halt --state /var/lib/quell";

/// `quell release --help`.
pub const RELEASE: &str = "\
Runs go on with what waited. A step that was stopped half way is done again if its action is
idempotent; else its run waits for a person.

Examples:
  quell release
  quell release --state /var/lib/quell";

/// `quell protected --help`.
pub const PROTECTED: &str = "\
Own addresses, gateways, resolvers, whoever is logged in by ssh, users, interfaces, and what
`protected` in settings.yaml adds. An action whose target is, contains or lies within one of them is
refused immediately before it would be done.

Examples:
  quell protected
  quell protected --json | jq -r .what";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_fit_into_80_columns() {
        for text in [
            EXERCISE,
            REPLAY,
            RUN,
            TRIGGER,
            ARM,
            DISARM,
            ANSWER,
            JOURNAL,
            VERIFY,
            ARCHIVE,
            RESTORE,
            CHECK,
            STATES,
            COMPLETIONS,
            SERVE,
            STEER,
            RELOAD,
            SETTLE,
            VIEWS,
            EVENTS,
            METRICS,
            EXPLAIN,
            LEDGER,
            LIFT,
            REPORT,
            BENCH,
        ] {
            for line in text.lines().filter(|line| line.starts_with(' ')) {
                assert!(line.chars().count() <= 80, "{line}");
            }
        }
    }
}
