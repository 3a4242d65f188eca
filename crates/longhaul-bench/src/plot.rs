//! Plots in SVG. They are drawn without a font's measures: labels stand where no measure is needed.
//!
//! The files are the same on every machine, since no font of it is asked for anything; so a plot that has changed in a
//! commit has other figures.

use plotters::{
    coord::combinators::IntoLogRange,
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};

use crate::table::figure;

const WIDTH: u32 = 900;
const COLOURS: [RGBColor; 6] = [
    RGBColor(0x1f, 0x77, 0xb4),
    RGBColor(0xd6, 0x27, 0x28),
    RGBColor(0x2c, 0xa0, 0x2c),
    RGBColor(0x94, 0x67, 0xbd),
    RGBColor(0xff, 0x7f, 0x0e),
    RGBColor(0x7f, 0x7f, 0x7f),
];

/// A bar with its figure for each.
pub(crate) fn bars(title: &str, bars: &[(&str, f64)]) -> String {
    const ROW: i32 = 26;
    const TOP: i32 = 44;
    const LEFT: i32 = 340;
    const ROOM: f64 = 460.0;
    let rows = i32::try_from(bars.len()).unwrap_or(i32::MAX / ROW - TOP);
    let longest = bars
        .iter()
        .map(|(_, value)| *value)
        .fold(f64::MIN_POSITIVE, f64::max);
    drawn((TOP + rows * ROW + 12).unsigned_abs(), |area| {
        heading(area, title)?;
        for (row, (name, value)) in (0..).zip(bars) {
            let top = TOP + row * ROW;
            #[expect(clippy::cast_possible_truncation, reason = "a width in pixels")]
            let right = LEFT + (ROOM * value.max(0.0) / longest) as i32;
            let colour = COLOURS[0].filled();
            area.draw(&Rectangle::new(
                [(LEFT, top), (right.max(LEFT + 1), top + ROW - 8)],
                colour,
            ))?;
            let middle = top + ROW / 2 - 4;
            area.draw(&Text::new(
                plain(name),
                (LEFT - 8, middle),
                label(HPos::Right),
            ))?;
            area.draw(&Text::new(
                figure(*value),
                (right + 8, middle),
                label(HPos::Left),
            ))?;
        }
        Ok(())
    })
}

/// A line for each name, over two logarithmic axes.
pub(crate) fn lines(
    title: &str,
    [across, up]: [&str; 2],
    lines: &[(&str, Vec<(f64, f64)>)],
) -> String {
    let points = || lines.iter().flat_map(|(_, points)| points.iter().copied());
    let reach = |of: fn((f64, f64)) -> f64| {
        let (low, high) = points()
            .map(of)
            .filter(|value| value.is_finite() && *value > 0.0)
            .fold((f64::MAX, f64::MIN_POSITIVE), |(low, high), value| {
                (low.min(value), high.max(value))
            });
        // A plot of nothing has axes all the same.
        if low > high {
            1.0..10.0
        } else {
            low / 1.5..high * 1.5
        }
    };
    drawn(440, |area| {
        heading(area, title)?;
        let plot = area.margin(44, 8, 8, 8);
        let mut chart = ChartBuilder::on(&plot)
            .x_label_area_size(44)
            .y_label_area_size(80)
            .right_y_label_area_size(220)
            .build_cartesian_2d(
                reach(|point| point.0).log_scale(),
                reach(|point| point.1).log_scale(),
            )?;
        chart
            .configure_mesh()
            .x_desc(across)
            .y_desc(up)
            .x_label_formatter(&|value| figure(*value))
            .y_label_formatter(&|value| figure(*value))
            .draw()?;
        for (at, (name, points)) in lines.iter().enumerate() {
            let colour = COLOURS[at % COLOURS.len()];
            chart.draw_series(LineSeries::new(
                points.iter().copied(),
                colour.stroke_width(2),
            ))?;
            chart.draw_series(
                points
                    .iter()
                    .map(|point| Circle::new(*point, 3, colour.filled())),
            )?;
            let row = 60 + 20 * i32::try_from(at).unwrap_or_default();
            let left = WIDTH.cast_signed() - 210;
            area.draw(&Rectangle::new(
                [(left, row - 5), (left + 12, row + 5)],
                colour.filled(),
            ))?;
            area.draw(&Text::new(plain(name), (left + 20, row), label(HPos::Left)))?;
        }
        Ok(())
    })
}

type Area<'s> = DrawingArea<SVGBackend<'s>, plotters::coord::Shift>;
type Drawn = Result<(), Box<dyn std::error::Error>>;

fn drawn(height: u32, draw: impl FnOnce(&Area<'_>) -> Drawn) -> String {
    let mut svg = String::new();
    let area = SVGBackend::with_string(&mut svg, (WIDTH, height)).into_drawing_area();
    area.fill(&WHITE)
        .map_err(Into::into)
        .and_then(|()| draw(&area))
        .and_then(|()| Ok(area.present()?))
        .expect("drawing into memory needs nothing that could fail");
    drop(area);
    svg
}

fn heading(area: &Area<'_>, title: &str) -> Drawn {
    let style = ("sans-serif", 17).into_font().color(&BLACK);
    area.draw(&Text::new(plain(title), (12, 12), style))?;
    Ok(())
}

fn label(side: HPos) -> TextStyle<'static> {
    ("sans-serif", 14)
        .into_font()
        .color(&BLACK)
        .pos(Pos::new(side, VPos::Center))
}

/// Without Markdown's marks.
fn plain(text: &str) -> String {
    text.replace('`', "")
}
