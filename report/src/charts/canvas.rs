//! The canvas of charts: an SVG document or the pixels of a PNG file, with a bundled font.
//!
//! Plotters' charts are generic over their backend. Our charts are drawn on one type that is either backend, so each chart is
//! compiled once and needs no bounds.

use plotters::{
    coord::Shift,
    prelude::*,
    style::{FontStyle, register_font},
};
use plotters_backend::{BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingErrorKind};
use std::{io, sync::Once};

/// Either kind of canvas.
pub enum Canvas<'a> {
    /// An SVG document.
    Svg(SVGBackend<'a>),
    /// The pixels of a PNG file.
    Pixels(BitMapBackend<'a>),
}

/// A part of a canvas, with pixels as coordinates.
pub type Area<'a> = DrawingArea<Canvas<'a>, Shift>;

type Drawing = Result<(), DrawingErrorKind<io::Error>>;

/// Forwards a call to the backend, and gives the errors of both backends one type.
macro_rules! forward {
    ($canvas:ident.$call:ident($($argument:expr),*)) => {
        match $canvas {
            Canvas::Svg(backend) => backend.$call($($argument),*).map_err(one_type),
            Canvas::Pixels(backend) => backend.$call($($argument),*).map_err(one_type),
        }
    };
}

fn one_type<E: std::error::Error + Send + Sync + 'static>(error: DrawingErrorKind<E>) -> DrawingErrorKind<io::Error> {
    match error {
        DrawingErrorKind::DrawingError(error) => DrawingErrorKind::DrawingError(io::Error::other(error)),
        DrawingErrorKind::FontError(error) => DrawingErrorKind::FontError(error),
    }
}

impl DrawingBackend for Canvas<'_> {
    type ErrorType = io::Error;

    fn get_size(&self) -> (u32, u32) {
        match self {
            Canvas::Svg(backend) => backend.get_size(),
            Canvas::Pixels(backend) => backend.get_size(),
        }
    }

    fn ensure_prepared(&mut self) -> Drawing {
        forward!(self.ensure_prepared())
    }

    fn present(&mut self) -> Drawing {
        forward!(self.present())
    }

    fn draw_pixel(&mut self, point: BackendCoord, color: BackendColor) -> Drawing {
        forward!(self.draw_pixel(point, color))
    }

    fn draw_line<S: BackendStyle>(&mut self, from: BackendCoord, to: BackendCoord, style: &S) -> Drawing {
        forward!(self.draw_line(from, to, style))
    }

    fn draw_rect<S: BackendStyle>(&mut self, from: BackendCoord, to: BackendCoord, style: &S, fill: bool) -> Drawing {
        forward!(self.draw_rect(from, to, style, fill))
    }

    fn draw_path<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(&mut self, path: I, style: &S) -> Drawing {
        forward!(self.draw_path(path, style))
    }

    fn draw_circle<S: BackendStyle>(&mut self, at: BackendCoord, radius: u32, style: &S, fill: bool) -> Drawing {
        forward!(self.draw_circle(at, radius, style, fill))
    }

    fn fill_polygon<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(
        &mut self,
        corners: I,
        style: &S,
    ) -> Drawing {
        forward!(self.fill_polygon(corners, style))
    }

    fn draw_text<S: BackendTextStyle>(&mut self, text: &str, style: &S, at: BackendCoord) -> Drawing {
        forward!(self.draw_text(text, style, at))
    }

    fn estimate_text_size<S: BackendTextStyle>(
        &self,
        text: &str,
        style: &S,
    ) -> Result<(u32, u32), DrawingErrorKind<io::Error>> {
        forward!(self.estimate_text_size(text, style))
    }

    fn blit_bitmap(&mut self, at: BackendCoord, size: (u32, u32), pixels: &[u8]) -> Drawing {
        forward!(self.blit_bitmap(at, size, pixels))
    }
}

/// Registers the bundled font under the names that the charts use.
pub(super) fn bundled_fonts() -> anyhow::Result<()> {
    static ONCE: Once = Once::new();
    static REGULAR: &[u8] = include_bytes!("../../assets/OpenSans-Regular.ttf");
    static BOLD: &[u8] = include_bytes!("../../assets/OpenSans-Bold.ttf");
    let mut sound = true;
    ONCE.call_once(|| {
        sound = register_font("sans-serif", FontStyle::Normal, REGULAR).is_ok()
            && register_font("sans-serif", FontStyle::Bold, BOLD).is_ok();
    });
    if sound { Ok(()) } else { Err(anyhow::anyhow!("the bundled font does not load")) }
}
