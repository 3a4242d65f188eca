//! The table as a picture: a panel for each scenario, in it a line for each policy with two bars, the pictures
//! delivered and the money wasted.

use std::error::Error;

use plotters::{
    backend::SVGBackend,
    coord::Shift,
    drawing::{DrawingArea, IntoDrawingArea},
    element::{PathElement, Rectangle, Text},
    style::{
        Color, FontStyle, IntoFont, RGBColor, TextStyle, WHITE,
        text_anchor::{HPos, Pos, VPos},
    },
};

use super::words::{dollars_each, percent};
use crate::outcomes::{figures::Figures, policies::Policy, scenario::Scenario, table::Table};

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn = Result<(), Box<dyn Error>>;

const BLUE: RGBColor = RGBColor(0x1f, 0x6f, 0xb4);
const PALE_BLUE: RGBColor = RGBColor(0x9e, 0xb8, 0xcc);
const RED: RGBColor = RGBColor(0xc2, 0x3b, 0x22);
const INK: RGBColor = RGBColor(0x22, 0x22, 0x22);
const GREY: RGBColor = RGBColor(0x77, 0x77, 0x77);
const TRACK: RGBColor = RGBColor(0xee, 0xee, 0xee);

/// Side by side
const COLUMNS: usize = 2;
const WIDTH: i32 = 620;
const MARGIN: i32 = 16;
const HEADER: i32 = 62;
/// A panel's title and the headings of its bars
const TITLE: i32 = 48;
const LINE: i32 = 19;
const BAR: i32 = 13;
/// Where the names end and the bars begin, and how long they are at most
const NAMES: i32 = 150;
const DELIVERED: i32 = NAMES + 8;
const DELIVERED_LENGTH: i32 = 150;
const WASTED: i32 = DELIVERED + DELIVERED_LENGTH + 70;
const WASTED_LENGTH: i32 = 150;
/// Dollars of waste per picture at which a bar ends: one scale for all panels, so that they can be compared
const MOST_WASTED: f64 = 1.0;

/// An SVG.
///
/// # Errors
///
/// If it cannot be drawn.
pub(crate) fn picture(all: &Table) -> Result<String, Box<dyn Error>> {
    let lines = i32::try_from(all.plan.policies.len())?;
    let rows = i32::try_from(all.plan.scenarios.len().div_ceil(COLUMNS))?;
    let panel = TITLE + lines * LINE + MARGIN;
    let size = (
        (WIDTH * COLUMNS as i32 + MARGIN) as u32,
        (HEADER + panel * rows) as u32,
    );
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        root.fill(&WHITE)?;
        header(&root, all)?;
        for (at, (scenario, row)) in all.rows().enumerate() {
            let (column, line) = ((at % COLUMNS) as i32, (at / COLUMNS) as i32);
            let corner = (MARGIN + column * WIDTH, HEADER + line * panel);
            draw_panel(&root, corner, scenario, row)?;
        }
        root.present()?;
    }
    Ok(svg)
}

fn header(root: &Area<'_>, all: &Table) -> Drawn {
    let operations = all.operations();
    let title = "Pictures delivered, and money wasted, under recorded incidents";
    let below = format!(
        "{operations} pictures asked for in each line, simulated; wasted: charged beyond one price for each picture \
         delivered, for each of those; bars end at a dollar"
    );
    words(root, title, (MARGIN, 22), 20, INK, HPos::Left)?;
    words(root, &below, (MARGIN, 44), 13, GREY, HPos::Left)
}

fn draw_panel<'a>(
    root: &Area<'_>,
    (x, y): (i32, i32),
    scenario: &Scenario,
    row: impl Iterator<Item = (&'static Policy, &'a Figures)>,
) -> Drawn {
    words(root, &scenario.title, (x, y + 12), 16, INK, HPos::Left)?;
    words(
        root,
        "delivered",
        (x + DELIVERED, y + 34),
        12,
        GREY,
        HPos::Left,
    )?;
    words(root, "wasted", (x + WASTED, y + 34), 12, GREY, HPos::Left)?;
    for (at, (policy, figures)) in row.enumerate() {
        let middle = y + TITLE + at as i32 * LINE + LINE / 2;
        let ink = if policy.is_ours() { INK } else { GREY };
        words(root, policy.name, (x + NAMES, middle), 13, ink, HPos::Right)?;

        let delivered = figures.delivered_percent();
        let color = if policy.is_ours() { BLUE } else { PALE_BLUE };
        let length = scaled(delivered / 100.0, DELIVERED_LENGTH);
        bar(root, (x + DELIVERED, middle), DELIVERED_LENGTH, TRACK)?;
        bar(root, (x + DELIVERED, middle), length, color)?;
        let end = (x + DELIVERED + DELIVERED_LENGTH + 4, middle);
        words(root, &percent(delivered), end, 12, ink, HPos::Left)?;

        let wasted = figures.wasted_per_picture();
        let length = scaled((wasted / MOST_WASTED).min(1.0), WASTED_LENGTH);
        bar(root, (x + WASTED, middle), length, RED)?;
        let end = (x + WASTED + length + 4, middle);
        words(root, &dollars_each(wasted), end, 12, ink, HPos::Left)?;
    }
    let bottom = y + TITLE - 4;
    let line = [(x, bottom), (x + WIDTH - 2 * MARGIN, bottom)];
    root.draw(&PathElement::new(line, TRACK.filled()))?;
    Ok(())
}

/// What is there at all can be seen.
fn scaled(share: f64, length: i32) -> i32 {
    let scaled = (share * f64::from(length)).round() as i32;
    if share > 0.0 { scaled.max(1) } else { 0 }
}

fn bar(root: &Area<'_>, (x, middle): (i32, i32), length: i32, color: RGBColor) -> Drawn {
    if length > 0 {
        let (top, bottom) = (middle - BAR / 2, middle + BAR / 2);
        root.draw(&Rectangle::new(
            [(x, top), (x + length, bottom)],
            color.filled(),
        ))?;
    }
    Ok(())
}

fn words(
    root: &Area<'_>,
    text: &str,
    at: (i32, i32),
    size: i32,
    color: RGBColor,
    side: HPos,
) -> Drawn {
    let style = TextStyle::from(("sans-serif", size, FontStyle::Normal).into_font())
        .color(&color)
        .pos(Pos::new(side, VPos::Center));
    root.draw(&Text::new(text.to_owned(), at, style))?;
    Ok(())
}
