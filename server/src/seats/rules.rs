//! Pure. How the shared judge decides: from the seats of a room, with those of dead nodes left out, to what they are after an
//! errand.

use shared::frames::PresenceState;
use shared::names::Username;

use crate::nodes::{HeldSeat, NodeId};
use crate::rooms::SEATS;
use crate::seats::desk::{Errand, Wish};

/// A seat, and the number of the errand of its node that wrote it last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The seat.
    pub seat: HeldSeat,
    /// The number.
    pub number: u64,
}

/// For whom seats were asked, and whether they have them.
pub type Asked = Vec<(Username, bool)>;

/// Does the errand of a node that has its lease.
pub fn decide(rows: &mut Vec<Row>, node: NodeId, errand: &Errand) -> Asked {
    let mut asked = Vec::new();
    for wish in &errand.wishes {
        match wish {
            Wish::Take(occupant) => {
                let seat = HeldSeat { node, occupant: occupant.clone() };
                asked.push((occupant.user.clone(), take(rows, seat, errand.number)));
            }
            Wish::Note(occupant) => note(rows, &HeldSeat { node, occupant: occupant.clone() }, errand.number),
        }
    }
    asked
}

fn take(rows: &mut Vec<Row>, seat: HeldSeat, number: u64) -> bool {
    let user = seat.occupant.user.clone();
    let is_theirs = |row: &Row| row.seat.occupant.user == user;
    let mut others: Vec<&Username> =
        rows.iter().filter(|row| !is_theirs(row)).map(|row| &row.seat.occupant.user).collect();
    others.sort_unstable();
    others.dedup();
    if others.len() >= SEATS && !rows.iter().any(is_theirs) {
        return false;
    }
    let is_here = |row: &Row| is_theirs(row) && row.seat.node == seat.node;
    if rows.iter().any(|row| is_here(row) && row.number > number) {
        return true;
    }
    // What another node only keeps for them is of no more use.
    let is_kept = |row: &Row| is_theirs(row) && row.seat.occupant.state == PresenceState::Away;
    rows.retain(|row| !is_here(row) && !is_kept(row));
    rows.push(Row { seat, number });
    true
}

fn note(rows: &mut Vec<Row>, noted: &HeldSeat, number: u64) {
    let is_meant =
        |row: &Row| row.seat.node == noted.node && row.seat.occupant.user == noted.occupant.user && row.number < number;
    if noted.occupant.state == PresenceState::Gone {
        rows.retain(|row| !is_meant(row));
    } else if let Some(row) = rows.iter_mut().find(|row| is_meant(row)) {
        *row = Row { seat: noted.clone(), number };
    }
}
