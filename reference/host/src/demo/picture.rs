//! The picture: octets over time, as SVG.

use plotters::coord::types::RangedCoordf64;
use plotters::prelude::{
    Cartesian2d, ChartBuilder, ChartContext, IntoDrawingArea, LineSeries, PathElement, RGBColor, Rectangle,
    SVGBackend, SeriesLabelPosition, Text,
};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{BLACK, Color, IntoFont, TextStyle, WHITE};

use crate::demo::{Outcome, Point};

/// Colours of Okabe and Ito, which colour-blind people tell apart.
const HIATUS: RGBColor = RGBColor(0, 114, 178);
const PLAIN: RGBColor = RGBColor(213, 94, 0);
const OFF: RGBColor = RGBColor(225, 225, 225);
const GRID: RGBColor = RGBColor(222, 222, 222);
const SIZE: (u32, u32) = (960, 540);
/// Left and top of the legend within the axes: below the names of the cuts, where both lines are low.
const LEGEND_AT: (i32, i32) = (12, 24);
const FONT: &str = "sans-serif";
const OCTETS_PER_MIB: f64 = 1_048_576.0;

/// The picture could not be drawn.
#[derive(Debug, thiserror::Error)]
#[error("drawing: {0}")]
pub struct PictureError(String);

fn failed(error: impl core::fmt::Display) -> PictureError {
    PictureError(error.to_string())
}

fn font(size: u32) -> TextStyle<'static> {
    (FONT, size).into_font().color(&BLACK)
}

/// A number for a coordinate: what is beyond four thousand million is drawn there.
fn real(count: u64) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

fn seconds(at_ms: u64) -> f64 {
    real(at_ms) / 1_000.0
}

fn mib(octets: u64) -> f64 {
    real(octets / 1_024) * 1_024.0 / OCTETS_PER_MIB
}

type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// Draws the octets that the applications have read over time, of both stories, with the times without power.
///
/// # Errors
///
/// A [`PictureError`]: what the drawing library says.
pub fn picture(outcome: &Outcome) -> Result<String, PictureError> {
    let mut text = String::new();
    {
        let root = SVGBackend::with_string(&mut text, SIZE).into_drawing_area();
        root.fill(&WHITE).map_err(failed)?;
        let (longest, most) = (seconds(outcome.took_ms).max(0.1), mib(2 * outcome.plan.octets));
        let title = format!(
            "One transfer, host B loses its power {} times (seed {})",
            outcome.cuts_ms.len(),
            outcome.plan.seed
        );
        let mut chart = ChartBuilder::on(&root)
            .caption(title, font(20))
            .margin(12)
            .margin_right(24)
            .x_label_area_size(48)
            .y_label_area_size(64)
            .build_cartesian_2d(0.0..longest, 0.0..most * 1.12)
            .map_err(failed)?;
        chart
            .configure_mesh()
            .light_line_style(WHITE)
            .bold_line_style(GRID)
            .x_desc("seconds")
            .y_desc("MiB that the applications have read, both directions")
            .x_label_formatter(&|at| format!("{at:.1}"))
            .y_label_formatter(&|at| format!("{at:.1}"))
            .label_style(font(13))
            .axis_desc_style(font(14))
            .draw()
            .map_err(failed)?;
        draw_cuts(&mut chart, outcome, most)?;
        draw_line(&mut chart, outcome, ("plain TCP", PLAIN), |point| point.plain)?;
        draw_line(&mut chart, outcome, ("Hiatus", HIATUS), |point| point.hiatus)?;
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::Coordinate(LEGEND_AT.0, LEGEND_AT.1))
            .background_style(WHITE.mix(0.9))
            .border_style(GRID)
            .label_font(font(14))
            .draw()
            .map_err(failed)?;
        root.present().map_err(failed)?;
    }
    text.push('\n');
    Ok(text)
}

fn draw_cuts(chart: &mut Chart<'_, '_>, outcome: &Outcome, most: f64) -> Result<(), PictureError> {
    let cuts = (1..).zip(&outcome.cuts_ms);
    let top = most * 1.12;
    let areas = cuts.clone().map(|(_, at_ms)| {
        let corners = [(seconds(*at_ms), 0.0), (seconds(at_ms + outcome.plan.away_ms), top)];
        Rectangle::new(corners, OFF.filled())
    });
    chart
        .draw_series(areas)
        .map_err(failed)?
        .label("host B has no power")
        .legend(|(x, y)| Rectangle::new([(x, y - 6), (x + 18, y + 6)], OFF.filled()));
    let style = font(12).pos(Pos::new(HPos::Left, VPos::Top));
    let names = cuts
        .map(|(nth, at_ms)| Text::new(format!(" cut {nth}"), (seconds(*at_ms), top * 0.995), style.clone()));
    chart.draw_series(names).map_err(failed)?;
    Ok(())
}

fn draw_line(
    chart: &mut Chart<'_, '_>,
    outcome: &Outcome,
    (name, colour): (&str, RGBColor),
    value: fn(&Point) -> u64,
) -> Result<(), PictureError> {
    let points = outcome.points.iter().map(|point| (seconds(point.at_ms), mib(value(point))));
    chart
        .draw_series(LineSeries::new(points, colour.stroke_width(3)))
        .map_err(failed)?
        .label(name)
        .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(3)));
    Ok(())
}
