//! Everything that a key can do, in one table: it feeds the keymap, the line of hints and the help.

use std::fmt;

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::Pane;
use super::may::*;
use super::model::Model;

/// What can be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum ActionId {
    Help,
    Palette,
    NextMatch,
    PreviousMatch,
    SortColumn,
    SortInvert,
    CopyId,
    CopyRow,
    Filter,
    Open,
    Freeze,
    Pause,
    Cancel,
    Abandon,
    Halt,
    Trigger,
    Retry,
    Acknowledge,
    Close,
    Answer,
    Lift,
    Approvals,
    Settle,
    Arm,
    Disarm,
    Rules,
    Requests,
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
        Palette, [ch(':')], "command", Look None 16, always, "Finds an action by a few of its letters; Enter does it.";
        Open, [key(KeyCode::Enter)], "open", Look None 3, can_open, "Opens the selected row; with none selected the first, of incidents the newest.";
        Back, [key(KeyCode::Esc)], "back", Look None 0, always, "Goes back, lets go of the cursor, clears the filter. Never quits.";
        Filter, [ch('/')], "filter", Look None 2, on_list, "Shows only rows with these words; a leading ! shows all others.";
        NextMatch, [ch('n')], "next match", Look None 0, has_filter, "The next row that passes the filter; after the last the first.";
        PreviousMatch, [ch('N')], "match before", Look None 0, has_filter, "The row before that passes the filter.";
        SortColumn, [ch('o')], "sort", Look None 17, on_list, "Sorts the rows by the next column. The cursor stays with its id.";
        SortInvert, [ch('O')], "invert", Look None 0, on_list, "Turns the order of the rows round.";
        CopyId, [ch('y')], "copy id", Look None 18, can_copy, "Copies the id to the clipboard of the terminal (OSC 52).";
        CopyRow, [ch('Y')], "copy row", Look None 0, can_copy, "Copies the row as JSON to the clipboard of the terminal.";
        Freeze, [ch('f')], "freeze", Look None 4, always, "Holds the picture still. The engine goes on; f again catches up.";
        Zoom, [ch('z')], "zoom", Look None 11, no_page, "Gives the whole screen to the focused pane.";
        Log, [ch('L')], "log", Look None 12, no_page, "Opens or closes the log of quell itself.";
        Scale, [ch('=')], "log/linear", Look None 13, on_latency, "Bars of the histogram by logarithm or in proportion.";
        WindowMore, [ch('+')], "window", Look None 14, on_throughput, "Shows more seconds.";
        WindowLess, [ch('-')], "window", Look None 0, on_throughput, "Shows fewer seconds.";

        Pause, [ch('p')], "pause", Act None 5, can_pause, "Holds a run at its next step, or lets it go on; with none selected the first.";
        Cancel, [ch('x')], "cancel", Act Confirm 6, can_cancel, "Stops a run and rolls back what it did; asks first, by id.";
        Abandon, [ch('X')], "abandon", Act Type 0, can_abandon, "Stops a run and leaves everything as it is. Its id has to be typed.";
        Retry, [ch('r')], "retry", Act None 8, can_retry, "Goes on with a parked or stuck run, or starts anew what ended badly.";
        Halt, [ch('!')], "halt", Act Confirm 0, can_halt, "The kill switch: nothing is begun any more. Asks; while halted it releases, by a typed word.";
        Trigger, [ch('t')], "trigger", Act None 7, can_trigger, "Starts a workflow: choose it, then fill in its inputs.";
        Acknowledge, [ch('a')], "ack", Act None 9, can_acknowledge, "Says that you are on an incident; with none selected the newest open one.";
        Close, [ch('c')], "close", Act None 10, can_close, "Closes an incident, with a reason; with none selected the newest open one.";
        Answer, [ch('d')], "answer", Act None 3, can_answer, "Answers for a step that a person does: done, or failed.";
        Approvals, [ch('A')], "approvals", Act Confirm 0, can_approve, "Lists what people have to approve; y approves what is shown, n denies it.";
        Settle, [ch('s')], "settle", Act None 3, can_settle, "Says what comes of a step in doubt, or of an undo that failed.";
        Lift, [ch('u')], "lift", Act Confirm 4, can_lift, "Undoes what is in force (6); asks first, by id. Names who wants it to last.";
        Arm, [ch('W')], "arm", Act Type 0, can_arm, "Lets the workflow of a run act; asks for its name. Also `:arm NAME`.";
        Disarm, [ch('w')], "disarm", Act None 0, can_disarm, "Lets it only observe from now on. Also `:disarm NAME`.";

        Next, [key(KeyCode::Tab)], "next pane", Move None 0, no_page, "The next pane.";
        Previous, [key(KeyCode::BackTab)], "previous pane", Move None 0, no_page, "The pane before.";
        Go(Pane::Agents), [ch('1')], "agents", Move None 0, always, "Agents: who acts, and how well.";
        Go(Pane::Workflows), [ch('2')], "workflows", Move None 0, always, "Workflows: runs with their steps and rollbacks.";
        Go(Pane::Incidents), [ch('3')], "incidents", Move None 0, always, "Incidents: what was found.";
        Go(Pane::Latency), [ch('4')], "latency", Move None 0, always, "Latency: how long each stage takes.";
        Go(Pane::Throughput), [ch('5')], "throughput", Move None 0, always, "Throughput: signals per second, queue, losses.";
        Go(Pane::Ledger), [ch('6')], "in force", Move None 0, always, "In force: what quell does to the world now, and what ends it.";
        Rules, [ch('R')], "rules", Move None 0, always, "Rules by hits, what they cost, and indicator lists.";
        Requests, [ch('@')], "requests", Move None 0, always, "What was asked of the engine from here, and what it answered.";
        Up, [key(KeyCode::Up), ch('k')], "up", Move None 0, always, "One row up. In the incidents it stops following.";
        Down, [key(KeyCode::Down), ch('j')], "down", Move None 0, always, "One row down.";
        Left, [key(KeyCode::Left), ch('h')], "left", Move None 0, always, "In the latency pane: the stage before.";
        Right, [key(KeyCode::Right), ch('l')], "right", Move None 0, always, "In the latency pane: the next stage.";
        PageUp, [key(KeyCode::PageUp)], "page up", Move None 0, always, "One page up.";
        PageDown, [key(KeyCode::PageDown)], "page down", Move None 0, always, "One page down.";
        First, [ch('g'), key(KeyCode::Home)], "first", Move None 0, always, "The first row.";
        Last, [ch('G'), key(KeyCode::End)], "last", Move None 0, always, "The last row. In the incidents: follows again.";

        Redraw, [ctrl('l')], "redraw", Console None 0, always, "Draws the whole screen anew.";
        Suspend, [ctrl('z')], "suspend", Console None 0, always, "Back to the shell; fg returns.";
        Quit, [ch('q'), ctrl('c')], "quit", Console None 20, always, "Leaves. An exercise ends at once; with real runs live it asks.";
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
