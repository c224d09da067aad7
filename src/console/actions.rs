//! Everything that a key can do, in one table: it feeds the keymap, the line of hints and the help.

use std::fmt;

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::model::{Model, may_cancel};
use super::requests::may_ask;
use super::{Pane, Subject};
use crate::engine::{JournalKind, RunStatus};

/// What can be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum ActionId {
    Help,
    Filter,
    Open,
    Freeze,
    Pause,
    Cancel,
    Abandon,
    Trigger,
    Retry,
    Acknowledge,
    Close,
    Log,
    Zoom,
    Scale,
    WindowMore,
    WindowLess,
    Next,
    Previous,
    Go(Pane),
    Up,
    Down,
    Left,
    Right,
    PageUp,
    PageDown,
    First,
    Last,
    Back,
    Redraw,
    Suspend,
    Quit,
}

/// Where the help lists it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// Reading.
    Look,
    /// Moving about.
    Move,
    /// Changing something.
    Act,
    /// The console itself.
    Console,
}

impl Group {
    /// Its heading.
    pub fn title(self) -> &'static str {
        match self {
            Group::Look => "Look",
            Group::Move => "Move",
            Group::Act => "Act",
            Group::Console => "Console",
        }
    }
}

/// What stands between the key and the deed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Danger {
    /// Nothing: it harms nothing, or can be taken back.
    None,
    /// A question whose default is no.
    Confirm,
    /// The id has to be typed.
    Type,
}

/// A key with what is held down beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chord {
    /// The key; capitals are characters of their own.
    pub code: KeyCode,
    /// Whether Ctrl is held.
    pub ctrl: bool,
}

impl Chord {
    /// What was pressed, without what a chord does not know.
    pub fn of(key: KeyEvent) -> Chord {
        let code = match key.code {
            KeyCode::Tab if key.modifiers.contains(KeyModifiers::SHIFT) => KeyCode::BackTab,
            code => code,
        };
        let ctrl = key.modifiers.contains(KeyModifiers::CONTROL);
        match code {
            KeyCode::Char(c) if ctrl => Chord { code: KeyCode::Char(c.to_ascii_lowercase()), ctrl },
            _ => Chord { code, ctrl },
        }
    }
}

impl fmt::Display for Chord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name: String = match self.code {
            KeyCode::Char(' ') => "Space".to_owned(),
            KeyCode::Char(c) if self.ctrl => c.to_ascii_uppercase().to_string(),
            KeyCode::Char(c) => c.to_string(),
            KeyCode::Up => "↑".to_owned(),
            KeyCode::Down => "↓".to_owned(),
            KeyCode::Left => "←".to_owned(),
            KeyCode::Right => "→".to_owned(),
            KeyCode::PageUp => "PgUp".to_owned(),
            KeyCode::PageDown => "PgDn".to_owned(),
            KeyCode::BackTab => "S-Tab".to_owned(),
            other => format!("{other:?}"),
        };
        let text = if self.ctrl { format!("Ctrl-{name}") } else { name };
        f.pad(&text)
    }
}

const fn key(code: KeyCode) -> Chord {
    Chord { code, ctrl: false }
}
const fn ch(c: char) -> Chord {
    key(KeyCode::Char(c))
}
const fn ctrl(c: char) -> Chord {
    Chord { code: KeyCode::Char(c), ctrl: true }
}

/// One entry of the table.
pub struct Action {
    /// Which.
    pub id: ActionId,
    /// The keys that do it.
    pub keys: &'static [Chord],
    /// A word for the line of hints.
    pub title: &'static str,
    /// A sentence for the help.
    pub help: &'static str,
    /// Where the help lists it.
    pub group: Group,
    /// What stands before it.
    pub danger: Danger,
    /// Place in the line of hints, the smallest first; 0 is none.
    pub hint: u8,
    /// Whether it can be done now, and if not, why.
    pub when: fn(&Model) -> Result<(), String>,
}

macro_rules! actions {
    ($($id:expr, [$($key:expr),*], $title:literal, $group:ident $danger:ident $hint:literal, $when:expr, $help:literal;)*) => {
        &[$(Action {
            id: $id, keys: &[$($key),*], title: $title, help: $help, group: Group::$group,
            danger: Danger::$danger, hint: $hint, when: $when,
        }),*]
    };
}

/// Every action.
pub static ACTIONS: &[Action] = {
    use ActionId::*;
    actions! {
        Help, [ch('?')], "help", Look None 1, always, "This list. Type to search it, Enter does the entry.";
        Open, [key(KeyCode::Enter)], "open", Look None 3, can_open, "Opens a run, an incident or an agent.";
        Back, [key(KeyCode::Esc)], "back", Look None 0, always, "Goes back, lets go of the cursor, clears the filter. Never quits.";
        Filter, [ch('/')], "filter", Look None 2, on_list, "Shows only rows with these words; a leading ! shows all others.";
        Freeze, [ch('f')], "freeze", Look None 4, always, "Holds the picture still. The engine goes on; f again catches up.";
        Zoom, [ch('z')], "zoom", Look None 11, no_page, "Gives the whole screen to the focused pane.";
        Log, [ch('L')], "log", Look None 12, no_page, "Opens or closes the log of quell itself.";
        Scale, [ch('=')], "log/linear", Look None 13, on_latency, "Bars of the histogram by logarithm or in proportion.";
        WindowMore, [ch('+')], "window", Look None 14, on_throughput, "Shows more seconds.";
        WindowLess, [ch('-')], "window", Look None 0, on_throughput, "Shows fewer seconds.";

        Next, [key(KeyCode::Tab)], "next pane", Move None 0, no_page, "The next pane.";
        Previous, [key(KeyCode::BackTab)], "previous pane", Move None 0, no_page, "The pane before.";
        Go(Pane::Agents), [ch('1')], "agents", Move None 0, always, "Agents: who acts, and how well.";
        Go(Pane::Workflows), [ch('2')], "workflows", Move None 0, always, "Workflows: runs with their steps and rollbacks.";
        Go(Pane::Incidents), [ch('3')], "incidents", Move None 0, always, "Incidents: what was found.";
        Go(Pane::Latency), [ch('4')], "latency", Move None 0, always, "Latency: how long each stage takes.";
        Go(Pane::Throughput), [ch('5')], "throughput", Move None 0, always, "Throughput: signals per second, queue, losses.";
        Up, [key(KeyCode::Up), ch('k')], "up", Move None 0, always, "One row up. In the incidents it stops following.";
        Down, [key(KeyCode::Down), ch('j')], "down", Move None 0, always, "One row down.";
        Left, [key(KeyCode::Left), ch('h')], "left", Move None 0, always, "In the latency pane: the stage before.";
        Right, [key(KeyCode::Right), ch('l')], "right", Move None 0, always, "In the latency pane: the next stage.";
        PageUp, [key(KeyCode::PageUp)], "page up", Move None 0, always, "One page up.";
        PageDown, [key(KeyCode::PageDown)], "page down", Move None 0, always, "One page down.";
        First, [ch('g'), key(KeyCode::Home)], "first", Move None 0, always, "The first row.";
        Last, [ch('G'), key(KeyCode::End)], "last", Move None 0, always, "The last row. In the incidents: follows again.";

        Pause, [ch('p')], "pause", Act None 5, can_pause, "Holds a run at its next step, or lets it go on.";
        Cancel, [ch('x')], "cancel", Act Confirm 6, can_cancel, "Stops a run and rolls back what it did. Asks first.";
        Abandon, [ch('X')], "abandon", Act Type 0, can_abandon, "Stops a run and leaves everything as it is. Its id has to be typed.";
        Retry, [ch('r')], "retry", Act None 8, can_retry, "Goes on with a parked or stuck run; of one that ended badly, starts it again.";
        Trigger, [ch('t')], "trigger", Act None 7, can_trigger, "Starts a workflow: choose it, then fill in its inputs.";
        Acknowledge, [ch('a')], "ack", Act None 9, can_acknowledge, "Says that you are on an incident.";
        Close, [ch('c')], "close", Act None 10, can_close, "Closes an incident as over or as nothing, with a reason.";

        Redraw, [ctrl('l')], "redraw", Console None 0, always, "Draws the whole screen anew.";
        Suspend, [ctrl('z')], "suspend", Console None 0, always, "Back to the shell; fg returns.";
        Quit, [ch('q'), ctrl('c')], "quit", Console None 15, always, "Leaves. An exercise ends at once; with real runs live it asks.";
    }
};

/// The action on a key.
pub fn lookup(chord: Chord) -> Option<&'static Action> {
    ACTIONS.iter().find(|action| action.keys.contains(&chord))
}

/// The entry of an action.
pub fn entry(id: ActionId) -> Option<&'static Action> {
    ACTIONS.iter().find(|action| action.id == id)
}

fn always(_: &Model) -> Result<(), String> {
    Ok(())
}

fn no_page(model: &Model) -> Result<(), String> {
    if model.page.is_none() { Ok(()) } else { Err("Esc goes back to the panes first".to_owned()) }
}

fn on_list(model: &Model) -> Result<(), String> {
    no_page(model)?;
    match model.focus {
        Pane::Agents | Pane::Workflows | Pane::Incidents => Ok(()),
        _ => Err("this pane has no rows to filter: press 1, 2 or 3".to_owned()),
    }
}

fn on_latency(model: &Model) -> Result<(), String> {
    let shown = model.page.is_none() && model.layout().pane(Pane::Latency).is_some();
    if shown { Ok(()) } else { Err("the histogram is not on the screen: press 4".to_owned()) }
}

fn on_throughput(model: &Model) -> Result<(), String> {
    let shown = model.page.is_none() && model.layout().pane(Pane::Throughput).is_some();
    if shown { Ok(()) } else { Err("the throughput is not on the screen: press 5".to_owned()) }
}

fn can_open(model: &Model) -> Result<(), String> {
    no_page(model)?;
    selected(model).map(|_| ())
}

/// What Enter opens.
pub fn selected(model: &Model) -> Result<Subject, String> {
    let nothing = || "nothing is selected: choose a row with the arrow keys".to_owned();
    match model.focus {
        Pane::Agents => model.agents.selected().map(Subject::Agent).ok_or_else(nothing),
        Pane::Workflows => model.runs.selected().map(Subject::Run).ok_or_else(nothing),
        Pane::Incidents => model.incidents.selected().map(Subject::Incident).ok_or_else(nothing),
        _ => Err("there is nothing to open in this pane".to_owned()),
    }
}

fn can_pause(model: &Model) -> Result<(), String> {
    may_ask(model)?;
    let run = model.subject_run()?;
    match run.status() {
        RunStatus::Running | RunStatus::Paused => Ok(()),
        RunStatus::RollingBack => Err(format!("{} is being rolled back: a rollback is never held", run.id())),
        status => Err(format!("{} is {}: only a running run can be paused", run.id(), status)),
    }
}

fn can_cancel(model: &Model) -> Result<(), String> {
    may_ask(model)?;
    may_cancel(model.subject_run()?)
}

fn can_abandon(model: &Model) -> Result<(), String> {
    may_ask(model)?;
    let run = model.subject_run()?;
    if run.status().is_terminal() { Err(format!("{} has ended: {}", run.id(), run.status())) } else { Ok(()) }
}

fn can_retry(model: &Model) -> Result<(), String> {
    may_ask(model)?;
    let run = model.subject_run()?;
    match run.status() {
        RunStatus::Parked | RunStatus::Stuck => Ok(()),
        status if status.is_terminal() && status != RunStatus::Completed => Ok(()),
        status => Err(format!("{} is {}: there is nothing to try again", run.id(), status)),
    }
}

fn can_trigger(model: &Model) -> Result<(), String> {
    may_ask(model)?;
    if model.catalogue.workflows.is_empty() { Err("the setup has no workflows".to_owned()) } else { Ok(()) }
}

fn can_acknowledge(model: &Model) -> Result<(), String> {
    may_ask(model)?;
    let incident = model.subject_incident()?;
    match incident.status() {
        crate::engine::IncidentStatus::Open => Ok(()),
        status => Err(format!("{} is {} already", incident.id(), status)),
    }
}

fn can_close(model: &Model) -> Result<(), String> {
    may_ask(model)?;
    let incident = model.subject_incident()?;
    if incident.status() == crate::engine::IncidentStatus::Dismissed {
        return Err(format!("{} is dismissed already", incident.id()));
    }
    Ok(())
}

/// Whether leaving needs a question: real runs are live.
pub fn quit_asks(model: &Model) -> bool {
    model.connected && model.state().kind() == Some(JournalKind::Real) && model.state().counts().live_runs > 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_does_two_things() {
        let keys: Vec<Chord> = ACTIONS.iter().flat_map(|a| a.keys).copied().collect();
        for (i, chord) in keys.iter().enumerate() {
            assert!(!keys[..i].contains(chord), "{chord} is there twice");
        }
    }

    #[test]
    fn no_ctrl_chord_does_harm_and_harm_is_never_on_enter() {
        for action in ACTIONS.iter().filter(|a| a.danger != Danger::None) {
            for chord in action.keys {
                assert!(!chord.ctrl && chord.code != KeyCode::Enter, "{}", action.title);
            }
        }
    }

    #[test]
    fn chords_are_read_and_shown() {
        let press = |code, modifiers| Chord::of(KeyEvent::new(code, modifiers));
        assert_eq!(press(KeyCode::Char('L'), KeyModifiers::SHIFT), ch('L'));
        assert_eq!(press(KeyCode::Char('L'), KeyModifiers::CONTROL), ctrl('l'));
        assert_eq!(press(KeyCode::Tab, KeyModifiers::SHIFT), key(KeyCode::BackTab));
        assert_eq!(ctrl('l').to_string(), "Ctrl-L");
        assert_eq!(key(KeyCode::Enter).to_string(), "Enter");
    }
}
