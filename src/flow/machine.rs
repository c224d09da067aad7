//! A table-driven, hierarchical state machine.
//!
//! A [`Chart`] is data: states, superstates, transitions with guards and callbacks. A [`Machine`]
//! compiles it into a square table, so that a transition is one look-up. A [`Place`] is where one
//! thing stands in it, with a bounded history. A superstate may set something off when it is left or
//! entered. `check` decides (guards run here), `enter` only
//! moves: replaying facts never makes a decision again.

use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::model::Timestamp;

/// A set of states. Implemented by [`states!`](crate::states).
pub trait Status: Copy + Eq + fmt::Debug + 'static {
    /// Every state, in declaration order.
    const ALL: &'static [Self];
    /// Position in [`Status::ALL`].
    fn index(self) -> usize;
    /// The word for it, in JSON and on screens.
    fn name(self) -> &'static str;
}

/// Declares a fieldless enum of states with names in snake case.
#[macro_export]
macro_rules! states {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $name { $($(#[$vdoc])* #[serde(rename = $text)] $variant),+ }

        impl $crate::flow::machine::Status for $name {
            const ALL: &'static [Self] = &[$($name::$variant),+];
            fn index(self) -> usize { self as usize }
            fn name(self) -> &'static str { match self { $($name::$variant => $text),+ } }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad($crate::flow::machine::Status::name(*self))
            }
        }
    };
}

/// A named set of states; a transition declared on it holds for each of them.
pub struct Superstate<S: 'static> {
    /// Its name, for the printed table.
    pub name: &'static str,
    /// The states within.
    pub of: &'static [S],
}

/// Where a transition starts.
pub enum Source<S: 'static> {
    /// In one of these states.
    States(&'static [S]),
    /// In any state of the superstate of this name.
    Within(&'static str),
}

/// A predicate that refuses with a reason.
pub struct Guard<C: ?Sized> {
    /// What it asks, for the printed table.
    pub name: &'static str,
    /// `Err` says why not, for people.
    pub check: fn(&C) -> Result<(), String>,
}

/// A callback on a transition: it may emit, it does no I/O.
pub type Callback<S, C, E> = fn(&C, &Change<S>, &mut Vec<E>);

/// A permitted change.
pub struct Transition<S: 'static, C: ?Sized + 'static, E: 'static> {
    /// From where.
    pub from: Source<S>,
    /// To where.
    pub to: S,
    /// What makes it happen, for the printed table.
    pub on: &'static str,
    /// Whether it may happen now.
    pub guard: Option<Guard<C>>,
    /// What it sets off.
    pub callback: Option<Callback<S, C, E>>,
}

/// A lifecycle as data: `C` is what guards look at, `E` what callbacks emit.
pub struct Chart<S: 'static, C: ?Sized + 'static, E: 'static> {
    /// Whose lifecycle it is.
    pub name: &'static str,
    /// Where it starts.
    pub initial: S,
    /// Named sets of states.
    pub superstates: &'static [Superstate<S>],
    /// Permitted changes; the first that fits a pair of states counts.
    pub transitions: &'static [Transition<S, C, E>],
}

/// One change of state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change<S> {
    /// Before.
    pub from: S,
    /// After.
    pub to: S,
    /// When.
    pub at: Timestamp,
}

/// Why a change is not permitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal<S> {
    /// The table has no such transition.
    Illegal {
        /// Whose lifecycle.
        machine: &'static str,
        /// The present state.
        from: S,
        /// The state asked for.
        to: S,
    },
    /// Its guard said no.
    Guarded {
        /// What the guard asks.
        guard: &'static str,
        /// Its answer.
        why: String,
    },
}

impl<S: Status> fmt::Display for Refusal<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Illegal { machine, from, to } => {
                write!(f, "a {machine} that is {} cannot become {}", from.name(), to.name())
            }
            Refusal::Guarded { why, .. } => f.write_str(why),
        }
    }
}

/// A compiled chart.
pub struct Machine<S: 'static, C: ?Sized + 'static, E: 'static> {
    chart: Chart<S, C, E>,
    /// By `from * n + to`.
    table: Vec<Cell>,
    /// What is set off when a superstate is left, the smallest first.
    leaves: Vec<Hook<S, C, E>>,
    /// What is set off when a superstate is entered, the largest first.
    enters: Vec<Hook<S, C, E>>,
}

/// A pair of states.
#[derive(Debug, Clone, Copy, Default)]
struct Cell {
    /// 1 + the index of the transition, or 0.
    transition: u8,
    /// Whether it leaves or enters a superstate that sets something off.
    hooked: bool,
}

/// What is set off at the border of a superstate.
struct Hook<S: 'static, C: ?Sized + 'static, E: 'static> {
    of: &'static [S],
    callback: Callback<S, C, E>,
}

impl<S: Status, C: ?Sized, E> Machine<S, C, E> {
    /// Compiles a chart.
    ///
    /// # Panics
    /// If the chart names an unknown superstate or has more than 254 transitions: a mistake in the code.
    pub fn new(chart: Chart<S, C, E>) -> Self {
        let n = S::ALL.len();
        let mut table = vec![Cell::default(); n * n];
        for (i, transition) in chart.transitions.iter().enumerate() {
            let number = u8::try_from(i + 1).expect("at most 254 transitions");
            for from in chart.sources(transition) {
                let cell = &mut table[from.index() * n + transition.to.index()];
                if cell.transition == 0 {
                    cell.transition = number;
                }
            }
        }
        Machine { chart, table, leaves: Vec::new(), enters: Vec::new() }
    }

    /// Has something set off by each change that enters a superstate from outside of it. Larger superstates
    /// are entered before smaller ones; the callback of the transition itself comes first.
    ///
    /// # Panics
    /// If the chart has no such superstate: a mistake in the code.
    #[must_use]
    pub fn on_enter(mut self, superstate: &str, callback: Callback<S, C, E>) -> Self {
        let of = self.chart.states_of(superstate);
        self.enters.push(Hook { of, callback });
        self.enters.sort_by_key(|hook| std::cmp::Reverse(hook.of.len()));
        self.mark(|from, to| of.contains(&to) && !of.contains(&from))
    }

    /// Has something set off by each change that leaves a superstate. Smaller superstates are left before
    /// larger ones; the callback of the transition itself comes after.
    ///
    /// # Panics
    /// If the chart has no such superstate: a mistake in the code.
    #[must_use]
    pub fn on_leave(mut self, superstate: &str, callback: Callback<S, C, E>) -> Self {
        let of = self.chart.states_of(superstate);
        self.leaves.push(Hook { of, callback });
        self.leaves.sort_by_key(|hook| hook.of.len());
        self.mark(|from, to| of.contains(&from) && !of.contains(&to))
    }

    fn mark(mut self, crosses: impl Fn(S, S) -> bool) -> Self {
        for from in S::ALL {
            for to in S::ALL {
                self.table[from.index() * S::ALL.len() + to.index()].hooked |= crosses(*from, *to);
            }
        }
        self
    }

    /// The data that it was compiled from.
    pub fn chart(&self) -> &Chart<S, C, E> {
        &self.chart
    }

    fn cell(&self, from: S, to: S) -> Cell {
        self.table[from.index() * S::ALL.len() + to.index()]
    }

    fn find(&self, cell: Cell) -> Option<&Transition<S, C, E>> {
        cell.transition.checked_sub(1).map(|i| &self.chart.transitions[usize::from(i)])
    }

    /// Whether a change is permitted now; if it is, its callbacks have been run: of the superstates that it
    /// leaves, of the transition, of those that it enters.
    pub fn check(
        &self,
        from: S,
        to: S,
        at: Timestamp,
        context: &C,
        emitted: &mut Vec<E>,
    ) -> Result<(), Refusal<S>> {
        let cell = self.cell(from, to);
        let Some(transition) = self.find(cell) else {
            return Err(Refusal::Illegal { machine: self.chart.name, from, to });
        };
        if let Some(guard) = &transition.guard {
            (guard.check)(context).map_err(|why| Refusal::Guarded { guard: guard.name, why })?;
        }
        let change = Change { from, to, at };
        if cell.hooked {
            for hook in self.leaves.iter().filter(|h| h.of.contains(&from) && !h.of.contains(&to)) {
                (hook.callback)(context, &change, emitted);
            }
        }
        if let Some(callback) = transition.callback {
            callback(context, &change, emitted);
        }
        if cell.hooked {
            for hook in self.enters.iter().filter(|h| h.of.contains(&to) && !h.of.contains(&from)) {
                (hook.callback)(context, &change, emitted);
            }
        }
        Ok(())
    }

    /// Moves, as a recorded fact says. Only the table is asked, no guard.
    pub fn enter<const H: usize>(
        &self,
        place: &mut Place<S, H>,
        to: S,
        at: Timestamp,
    ) -> Result<(), Refusal<S>> {
        let from = place.now;
        if self.cell(from, to).transition == 0 {
            return Err(Refusal::Illegal { machine: self.chart.name, from, to });
        }
        place.go(to, at);
        Ok(())
    }

    /// Whether a state belongs to a superstate.
    pub fn is_within(&self, state: S, superstate: &str) -> bool {
        self.chart.superstates.iter().any(|s| s.name == superstate && s.of.contains(&state))
    }

    /// Whether nothing leads out of a state.
    pub fn is_terminal(&self, state: S) -> bool {
        let n = S::ALL.len();
        self.table[state.index() * n..][..n].iter().all(|cell| cell.transition == 0)
    }
}

impl<S: Status, C: ?Sized, E> Chart<S, C, E> {
    /// The states in which a transition may start.
    pub fn sources(&self, transition: &Transition<S, C, E>) -> &'static [S] {
        match transition.from {
            Source::States(states) => states,
            Source::Within(name) => self.states_of(name),
        }
    }

    fn states_of(&self, superstate: &str) -> &'static [S] {
        let found = self.superstates.iter().find(|s| s.name == superstate);
        found.unwrap_or_else(|| panic!("{}: no superstate {superstate}", self.name)).of
    }
}

/// Where one thing stands, since when, and the last `H` states before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place<S, const H: usize> {
    now: S,
    since: Timestamp,
    changes: u32,
    /// The states before, and beside them when each was entered: apart, so that neither is padded.
    past: [S; H],
    past_since: [Timestamp; H],
}

impl<S: Status, const H: usize> Place<S, H> {
    /// At the start of a lifecycle.
    pub fn new(initial: S, at: Timestamp) -> Self {
        Place { now: initial, since: at, changes: 0, past: [initial; H], past_since: [at; H] }
    }

    /// The present state.
    pub fn now(&self) -> S {
        self.now
    }

    /// When the present state was entered.
    pub fn since(&self) -> Timestamp {
        self.since
    }

    /// The states before the present one with the time at which each was entered, oldest first; at most `H`.
    pub fn history(&self) -> impl Iterator<Item = (S, Timestamp)> + '_ {
        let changes = self.changes as usize;
        let at = |i: usize| (self.past[i % H.max(1)], self.past_since[i % H.max(1)]);
        (changes.saturating_sub(H)..changes).map(at)
    }

    fn go(&mut self, to: S, at: Timestamp) {
        if H > 0 {
            let i = self.changes as usize % H;
            (self.past[i], self.past_since[i]) = (self.now, self.since);
        }
        self.changes = self.changes.saturating_add(1);
        (self.now, self.since) = (to, at);
    }
}

/// Stored as the present state, since when, the number of changes, and every slot of the past.
impl<S: Serialize, const H: usize> Serialize for Place<S, H> {
    fn serialize<W: Serializer>(&self, serializer: W) -> Result<W::Ok, W::Error> {
        (&self.now, self.since, self.changes, &self.past[..], &self.past_since[..]).serialize(serializer)
    }
}

impl<'de, S: Deserialize<'de>, const H: usize> Deserialize<'de> for Place<S, H> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        type Slots<S> = (Vec<S>, Vec<Timestamp>);
        let (now, since, changes, past, past_since) = Deserialize::deserialize(deserializer)?;
        let (past, past_since): Slots<S> = (past, past_since);
        let wrong = |_| D::Error::custom(format_args!("the past is not that of {H} states"));
        let past = past.try_into().map_err(|_| wrong(()))?;
        let past_since = past_since.try_into().map_err(|_| wrong(()))?;
        Ok(Place { now, since, changes, past, past_since })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    states!(Door { Open = "open", Closed = "closed", Locked = "locked", Gone = "gone" });

    struct Key(bool);

    fn door() -> Machine<Door, Key, &'static str> {
        Machine::new(Chart {
            name: "door",
            initial: Door::Open,
            superstates: &[Superstate { name: "Shut", of: &[Door::Closed, Door::Locked] }],
            transitions: &[
                Transition {
                    from: Source::States(&[Door::Open]),
                    to: Door::Closed,
                    on: "close",
                    guard: None,
                    callback: Some(|_, change, out| out.push(change.from.name())),
                },
                Transition {
                    from: Source::States(&[Door::Closed]),
                    to: Door::Locked,
                    on: "lock",
                    guard: Some(Guard {
                        name: "has a key",
                        check: |key: &Key| key.0.then_some(()).ok_or("no key".to_owned()),
                    }),
                    callback: None,
                },
                Transition {
                    from: Source::Within("Shut"),
                    to: Door::Gone,
                    on: "remove",
                    guard: None,
                    callback: None,
                },
            ],
        })
    }

    #[test]
    fn guards_refuse_and_callbacks_emit() {
        let (machine, mut out) = (door(), Vec::new());
        let at = Timestamp(1);
        assert_eq!(machine.check(Door::Open, Door::Closed, at, &Key(false), &mut out), Ok(()));
        assert_eq!(out, ["open"]);
        let refused = machine.check(Door::Closed, Door::Locked, at, &Key(false), &mut out).unwrap_err();
        assert_eq!(refused.to_string(), "no key");
        assert_eq!(machine.check(Door::Closed, Door::Locked, at, &Key(true), &mut out), Ok(()));
        let illegal = machine.check(Door::Open, Door::Locked, at, &Key(true), &mut out).unwrap_err();
        assert_eq!(illegal.to_string(), "a door that is open cannot become locked");
    }

    #[test]
    fn a_superstate_lends_its_transitions() {
        let machine = door();
        for (from, ok) in
            [(Door::Open, false), (Door::Closed, true), (Door::Locked, true), (Door::Gone, false)]
        {
            let mut place = Place::<_, 2>::new(from, Timestamp(0));
            assert_eq!(machine.enter(&mut place, Door::Gone, Timestamp(1)).is_ok(), ok, "{from}");
        }
        assert!(machine.is_terminal(Door::Gone) && !machine.is_terminal(Door::Locked));
    }

    #[test]
    fn superstates_are_left_from_within_and_entered_from_without() {
        use Door::*;
        const ANY: Source<Door> = Source::States(&[Open, Closed, Locked, Gone]);
        const fn go(to: Door) -> Transition<Door, Key, &'static str> {
            Transition { from: ANY, to, on: "go", guard: None, callback: Some(|_, _, out| out.push("goes")) }
        }
        let machine = Machine::new(Chart {
            name: "door",
            initial: Open,
            superstates: &[
                Superstate { name: "Shut", of: &[Closed, Locked] },
                Superstate { name: "There", of: &[Open, Closed, Locked] },
                Superstate { name: "Fast", of: &[Locked] },
            ],
            transitions: const { &[go(Open), go(Closed), go(Locked), go(Gone)] },
        });
        let machine = machine.on_enter("Fast", |_, _, out| out.push("into fast"));
        let machine = machine.on_enter("Shut", |_, _, out| out.push("into shut"));
        let machine = machine.on_enter("There", |_, change, out| {
            assert_eq!((change.from, change.at), (Gone, Timestamp(7)));
            out.push("into there");
        });
        let machine = machine.on_leave("There", |_, _, out| out.push("out of there"));
        let machine = machine.on_leave("Fast", |_, _, out| out.push("out of fast"));
        let machine = machine.on_leave("Shut", |_, _, out| out.push("out of shut"));
        for (from, to, expected) in [
            (Open, Open, &["goes"][..]),
            (Open, Closed, &["goes", "into shut"]),
            (Closed, Locked, &["goes", "into fast"]),
            (Locked, Closed, &["out of fast", "goes"]),
            (Locked, Open, &["out of fast", "out of shut", "goes"]),
            (Locked, Gone, &["out of fast", "out of shut", "out of there", "goes"]),
            (Gone, Locked, &["goes", "into there", "into shut", "into fast"]),
            (Gone, Open, &["goes", "into there"]),
        ] {
            let mut out = Vec::new();
            assert_eq!(machine.check(from, to, Timestamp(7), &Key(true), &mut out), Ok(()));
            assert_eq!(out, expected, "{from} to {to}");
            // A fact that is folded sets nothing off.
            let mut place = Place::<_, 1>::new(from, Timestamp(0));
            assert_eq!(machine.enter(&mut place, to, Timestamp(7)), Ok(()));
        }
    }

    #[test]
    fn what_is_refused_leaves_and_enters_nothing() {
        let machine = door().on_leave("Shut", |_, _, out| out.push("left"));
        let machine = machine.on_enter("Shut", |_, _, out| out.push("entered"));
        let mut out = Vec::new();
        assert!(machine.check(Door::Closed, Door::Open, Timestamp(1), &Key(true), &mut out).is_err());
        assert!(machine.check(Door::Closed, Door::Locked, Timestamp(1), &Key(false), &mut out).is_err());
        assert_eq!(out, [""; 0]);
    }

    #[test]
    fn history_is_bounded_and_in_order() {
        let mut place = Place::<_, 2>::new(Door::Open, Timestamp(0));
        for (i, to) in [Door::Closed, Door::Locked, Door::Gone].into_iter().enumerate() {
            place.go(to, Timestamp(i as i64 + 1));
        }
        assert_eq!(place.now(), Door::Gone);
        let past: Vec<_> = place.history().collect();
        assert_eq!(past, [(Door::Closed, Timestamp(1)), (Door::Locked, Timestamp(2))]);
    }
}
