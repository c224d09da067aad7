//! Where everything is, for a size of terminal: one function that drawing and scrolling share.

use ratatui::layout::{Constraint, Layout as Split, Rect};

/// The panes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Pane {
    Agents,
    Workflows,
    Incidents,
    Latency,
    Throughput,
    Ledger,
    Log,
}

impl Pane {
    /// In the order of Tab.
    pub const ALL: [Pane; 7] = [
        Pane::Agents,
        Pane::Workflows,
        Pane::Incidents,
        Pane::Latency,
        Pane::Throughput,
        Pane::Ledger,
        Pane::Log,
    ];

    /// Its word in titles and tabs.
    pub fn name(self) -> &'static str {
        match self {
            Pane::Agents => "Agents",
            Pane::Workflows => "Workflows",
            Pane::Incidents => "Incidents",
            Pane::Latency => "Latency",
            Pane::Throughput => "Throughput",
            Pane::Ledger => "In force",
            Pane::Log => "Log",
        }
    }

    /// Whether it has a place in the grid; the others lie over it, and Esc leaves them.
    pub fn in_grid(self) -> bool {
        self != Pane::Ledger
    }

    /// The key that goes to it.
    pub fn key(self) -> char {
        match self {
            Pane::Agents => '1',
            Pane::Workflows => '2',
            Pane::Incidents => '3',
            Pane::Latency => '4',
            Pane::Throughput => '5',
            Pane::Ledger => '6',
            Pane::Log => 'L',
        }
    }
}

/// How much fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// 120x40 and up: all panes at once.
    Grid,
    /// 80x24 and up: one pane, tabs and strips of the others.
    Tabs,
    /// 60x16 and up: one pane.
    One,
    /// Nothing useful.
    Small,
}

/// The smallest terminal that is of use.
pub const NEEDED: (u16, u16) = (60, 16);

/// Places on the screen.
#[derive(Debug, Clone, PartialEq)]
pub struct Layout {
    /// How much fits.
    pub class: Class,
    /// The first line.
    pub header: Rect,
    /// Names of the panes; empty in the grid.
    pub tabs: Rect,
    /// The panes that are drawn.
    pub panes: Vec<(Pane, Rect)>,
    /// Everything between header and toast: for details and dialogs.
    pub body: Rect,
    /// One line for each pane that is not drawn; empty but with tabs.
    pub strips: Rect,
    /// The line for answers.
    pub toast: Rect,
    /// The line for keys; the same as `toast` where there is room for one only.
    pub hints: Rect,
}

impl Layout {
    /// For a screen, the focused pane, and what is switched on.
    pub fn new(screen: Rect, focus: Pane, zoom: bool, log: bool) -> Layout {
        let class = match (screen.width, screen.height) {
            (120.., 40..) => Class::Grid,
            (80.., 24..) => Class::Tabs,
            (60.., 16..) => Class::One,
            _ => Class::Small,
        };
        let lines = |n: u16| Constraint::Length(n);
        let (tabs, strips, feet) = match class {
            Class::Tabs if !zoom => (1, 3, 2),
            Class::Tabs => (1, 0, 2),
            Class::Grid => (0, 0, 2),
            Class::One | Class::Small => (0, 0, 1),
        };
        let [header, tabs, main, strips, feet] =
            Split::vertical([lines(1), lines(tabs), Constraint::Fill(1), lines(strips), lines(feet)])
                .areas(screen);
        let toast = Rect { height: feet.height.min(1), ..feet };
        let hints = Rect { y: feet.bottom().saturating_sub(1), height: toast.height, ..feet };
        let body = Rect { height: main.height + strips.height, ..main };
        let panes = if class == Class::Grid && !zoom && focus.in_grid() {
            grid(main, log)
        } else {
            vec![(focus, main)]
        };
        Layout { class, header, tabs, panes, body, strips, toast, hints }
    }

    /// Where a pane is drawn, if it is.
    pub fn pane(&self, pane: Pane) -> Option<Rect> {
        self.panes.iter().find(|(p, _)| *p == pane).map(|(_, area)| *area)
    }

    /// Lines for the rows of a list in a pane, without its frame and its head.
    pub fn list_rows(&self, pane: Pane) -> usize {
        self.pane(pane).map_or(0, |area| usize::from(area.height.saturating_sub(3)))
    }
}

fn grid(area: Rect, log: bool) -> Vec<(Pane, Rect)> {
    let logged = if log { Constraint::Length(9) } else { Constraint::Length(0) };
    let [top, incidents, log_area, bottom] =
        Split::vertical([Constraint::Fill(3), Constraint::Fill(2), logged, Constraint::Length(11)])
            .areas(area);
    let [agents, workflows] = Split::horizontal([Constraint::Length(46), Constraint::Fill(1)]).areas(top);
    let [latency, throughput] = Split::horizontal([Constraint::Fill(1), Constraint::Fill(1)]).areas(bottom);
    let mut panes = vec![
        (Pane::Agents, agents),
        (Pane::Workflows, workflows),
        (Pane::Incidents, incidents),
        (Pane::Latency, latency),
        (Pane::Throughput, throughput),
    ];
    if log {
        panes.push((Pane::Log, log_area));
    }
    panes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(width: u16, height: u16) -> Layout {
        Layout::new(Rect::new(0, 0, width, height), Pane::Workflows, false, true)
    }

    #[test]
    fn sizes_have_their_class() {
        for (width, height, class) in [
            (120, 40, Class::Grid),
            (500, 200, Class::Grid),
            (119, 40, Class::Tabs),
            (200, 39, Class::Tabs),
            (80, 24, Class::Tabs),
            (79, 60, Class::One),
            (60, 16, Class::One),
            (59, 16, Class::Small),
            (60, 15, Class::Small),
            (0, 0, Class::Small),
        ] {
            assert_eq!(layout(width, height).class, class, "{width}x{height}");
        }
    }

    #[test]
    fn panes_lie_within_the_screen_and_apart() {
        for (width, height) in [(120, 40), (80, 24), (60, 16), (333, 77)] {
            let layout = layout(width, height);
            let screen = Rect::new(0, 0, width, height);
            let mut places: Vec<Rect> = layout.panes.iter().map(|(_, area)| *area).collect();
            places.extend([layout.header, layout.tabs, layout.strips, layout.toast]);
            for (i, a) in places.iter().enumerate() {
                assert_eq!(a.intersection(screen), *a);
                assert!(places[..i].iter().all(|b| a.intersection(*b).is_empty()), "{width}x{height}");
            }
            assert!(layout.list_rows(Pane::Workflows) >= 5);
        }
    }
}
