//! Panels beside each other, with one legend: in colours that colour-blind people tell apart, and marks for those who
//! print.

use plotters::coord::Shift;
use plotters::prelude::{
    ChartBuilder, DrawingArea, IntoDrawingArea, LineSeries, PathElement, Polygon, RGBColor, SVGBackend, Text,
};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{BLACK, Color, IntoFont, TextStyle, WHITE};

/// A plot could not be drawn.
#[derive(Debug, thiserror::Error)]
#[error("drawing: {0}")]
pub struct PlotError(String);

fn failed(error: impl core::fmt::Display) -> PlotError {
    PlotError(error.to_string())
}

/// Colours of Okabe and Ito, black for what is only compared with.
const COLOURS: [RGBColor; 6] = [
    RGBColor(0, 114, 178),
    RGBColor(230, 159, 0),
    RGBColor(0, 158, 115),
    RGBColor(213, 94, 0),
    RGBColor(130, 80, 160),
    RGBColor(0, 0, 0),
];
const PANEL_WIDTH: u32 = 380;
const PANEL_HEIGHT: u32 = 340;
const TITLE_HEIGHT: u32 = 40;
const LEGEND_LINE_HEIGHT: u32 = 24;
/// Room for the longest name of a line.
const LEGEND_COLUMN_WIDTH: u32 = 360;
/// Between the marks of two lines at one value of x, as a share of the axis: lines that coincide stay seen.
const APART_SHARE: f64 = 0.009;
const MARK_RADIUS: i32 = 5;
const FONT: &str = "sans-serif";

/// One axis.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Axis {
    label: &'static str,
    from: f64,
    to: f64,
    scale: Scale,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scale {
    Linear,
    /// Logarithmic; labels are times.
    Seconds,
    /// Logarithmic; labels are octets.
    Octets,
}

impl Axis {
    pub(super) fn linear(label: &'static str, from: f64, to: f64) -> Self {
        Self { label, from, to, scale: Scale::Linear }
    }

    pub(super) fn seconds(label: &'static str, from: f64, to: f64) -> Self {
        Self { label, from, to, scale: Scale::Seconds }
    }

    pub(super) fn octets(label: &'static str, from: f64, to: f64) -> Self {
        Self { label, from, to, scale: Scale::Octets }
    }

    /// Where a value lies.
    fn at(&self, value: f64) -> f64 {
        let value = value.clamp(self.from, self.to);
        if self.scale == Scale::Linear { value } else { value.log10() }
    }

    /// The whole, with a little room on both sides.
    fn range(&self) -> core::ops::Range<f64> {
        let (from, to) = (self.at(self.from), self.at(self.to));
        let room = if self.scale == Scale::Linear { 0.0 } else { (to - from) * 0.03 };
        from - room..to + room
    }

    /// How many labels: one for each power of ten.
    fn labels(&self) -> usize {
        match self.scale {
            Scale::Linear => 12,
            Scale::Seconds | Scale::Octets => 9,
        }
    }

    /// The label of a place; empty between powers of ten.
    fn label_at(&self, at: f64) -> String {
        if self.scale == Scale::Linear {
            return format!("{at:.0}");
        }
        let power = at.round();
        if (at - power).abs() > 0.01 {
            return String::new();
        }
        let value = 10_f64.powf(power);
        let units: &[(f64, &str)] = match self.scale {
            Scale::Octets => &[(1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1.0, "octets")],
            _ => &[(1.0, "s"), (1e-3, "ms"), (1e-6, "µs")],
        };
        let (unit, name) = units.iter().find(|(unit, _)| value >= unit * 0.999).copied().unwrap_or((1.0, ""));
        format!("{:.0} {name}", value / unit)
    }
}

/// One line of a panel.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Series {
    pub(super) name: String,
    /// Colour and mark.
    pub(super) look: usize,
    pub(super) points: Vec<(f64, f64)>,
}

/// One panel.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Panel {
    pub(super) caption: String,
    pub(super) series: Vec<Series>,
}

/// A plot of panels with the same axes and lines.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Plot {
    pub(super) title: String,
    pub(super) x: Axis,
    pub(super) y: Axis,
    pub(super) panels: Vec<Panel>,
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

impl Plot {
    /// Draws it.
    pub(super) fn svg(&self) -> Result<String, PlotError> {
        let columns = u32::try_from(self.panels.len()).unwrap_or(1).max(1);
        let series = self.panels.first().map_or(&[][..], |panel| &panel.series);
        let legend_columns = usize::try_from(PANEL_WIDTH * columns / LEGEND_COLUMN_WIDTH).unwrap_or(1).max(1);
        let legend_lines = u32::try_from(series.len().div_ceil(legend_columns)).unwrap_or(1);
        let height = TITLE_HEIGHT + PANEL_HEIGHT + LEGEND_LINE_HEIGHT * legend_lines + 8;
        let mut text = String::new();
        {
            let root =
                SVGBackend::with_string(&mut text, (PANEL_WIDTH * columns, height)).into_drawing_area();
            root.fill(&WHITE).map_err(failed)?;
            let (title, rest) = root.split_vertically(TITLE_HEIGHT);
            let centre = (i32::try_from(PANEL_WIDTH * columns / 2).unwrap_or(0), 12);
            let style = font(20).pos(Pos::new(HPos::Center, VPos::Top));
            title.draw(&Text::new(self.title.clone(), centre, style)).map_err(failed)?;
            let (panels, legend) = rest.split_vertically(PANEL_HEIGHT);
            let areas = panels.split_evenly((1, self.panels.len().max(1)));
            for (area, panel) in areas.iter().zip(&self.panels) {
                self.draw(area, panel)?;
            }
            draw_legend(&legend, series, legend_columns)?;
            root.present().map_err(failed)?;
        }
        text.push('\n');
        Ok(text)
    }

    fn draw(&self, area: &Area<'_>, panel: &Panel) -> Result<(), PlotError> {
        let mut chart = ChartBuilder::on(area)
            .caption(&panel.caption, font(15))
            .margin(8)
            .margin_right(16)
            .x_label_area_size(44)
            .y_label_area_size(62)
            .build_cartesian_2d(self.x.range(), self.y.range())
            .map_err(failed)?;
        chart
            .configure_mesh()
            .light_line_style(WHITE)
            .bold_line_style(RGBColor(222, 222, 222))
            .x_desc(self.x.label)
            .y_desc(self.y.label)
            .x_labels(self.x.labels())
            .y_labels(self.y.labels())
            .x_label_formatter(&|at| self.x.label_at(*at))
            .y_label_formatter(&|at| self.y.label_at(*at))
            .label_style(font(13))
            .axis_desc_style(font(14))
            .draw()
            .map_err(failed)?;
        for series in &panel.series {
            let colour = colour(series.look);
            let range = self.x.range();
            let step = (range.end - range.start) * APART_SHARE;
            let middle = f64::from(u32::try_from(panel.series.len()).unwrap_or(1) - 1) / 2.0;
            let apart = step * (f64::from(u32::try_from(series.look).unwrap_or(0)) - middle);
            let place = |(x, y): &(f64, f64)| (self.x.at(*x) + apart, self.y.at(*y));
            let points: Vec<_> = series.points.iter().map(place).collect();
            chart.draw_series(LineSeries::new(points.clone(), colour.stroke_width(2))).map_err(failed)?;
            let plane = chart.plotting_area();
            for point in points {
                let (x, y) = plane.map_coordinate(&point);
                let (left, top) = area.get_base_pixel();
                draw_mark(area, (x - left, y - top), series.look)?;
            }
        }
        Ok(())
    }
}

fn font(size: u32) -> TextStyle<'static> {
    (FONT, size).into_font().color(&BLACK)
}

fn colour(look: usize) -> RGBColor {
    COLOURS.get(look % COLOURS.len()).copied().unwrap_or(BLACK)
}

/// A mark of its own for each look: triangles up and down, a square, a diamond, a cross, a bar.
fn draw_mark(area: &Area<'_>, (x, y): (i32, i32), look: usize) -> Result<(), PlotError> {
    let r = MARK_RADIUS;
    let corners: &[(i32, i32)] = match look % 6 {
        0 => &[(-r, r), (r, r), (0, -r)],
        1 => &[(-r, -r), (r, -r), (0, r)],
        2 => &[(-r + 1, -r + 1), (r - 1, -r + 1), (r - 1, r - 1), (-r + 1, r - 1)],
        3 => &[(0, -r - 1), (r + 1, 0), (0, r + 1), (-r - 1, 0)],
        4 => &[
            (-r, -2),
            (-2, -2),
            (-2, -r),
            (2, -r),
            (2, -2),
            (r, -2),
            (r, 2),
            (2, 2),
            (2, r),
            (-2, r),
            (-2, 2),
            (-r, 2),
        ],
        _ => &[(-r, -2), (r, -2), (r, 2), (-r, 2)],
    };
    let corners: Vec<_> = corners.iter().map(|(right, down)| (x + right, y + down)).collect();
    area.draw(&Polygon::new(corners, colour(look).filled())).map_err(failed)
}

fn draw_legend(area: &Area<'_>, series: &[Series], columns: usize) -> Result<(), PlotError> {
    let (width, _) = area.dim_in_pixel();
    let column_width = width / u32::try_from(columns).unwrap_or(1);
    for (index, series) in series.iter().enumerate() {
        let at =
            |count: usize, step: u32| i32::try_from(count).unwrap_or(0) * i32::try_from(step).unwrap_or(0);
        let x = 70 + at(index % columns, column_width);
        let y = 12 + at(index / columns, LEGEND_LINE_HEIGHT);
        let line = PathElement::new(vec![(x - 16, y), (x + 16, y)], colour(series.look).stroke_width(2));
        area.draw(&line).map_err(failed)?;
        draw_mark(area, (x, y), series.look)?;
        let style = font(14).pos(Pos::new(HPos::Left, VPos::Center));
        area.draw(&Text::new(series.name.clone(), (x + 24, y), style)).map_err(failed)?;
    }
    Ok(())
}
