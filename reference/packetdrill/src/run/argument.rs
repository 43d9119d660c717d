//! Arguments of a call, as what the call wants.

use std::net::{IpAddr, SocketAddr};

use super::Mismatch;
use crate::script::{Call, Value};
use crate::sockets::Linger;

/// The arguments of one call.
pub(super) struct Arguments<'a> {
    call: &'a Call,
}

impl<'a> Arguments<'a> {
    pub(super) fn of(call: &'a Call) -> Self {
        Self { call }
    }

    fn at(&self, index: usize) -> Result<&'a Value, Mismatch> {
        self.call.arguments.get(index).ok_or_else(|| {
            Mismatch::new(
                format!("{} with at least {} arguments", self.call.name, index + 1),
                self.call.arguments.len().to_string(),
            )
        })
    }

    fn wrong<T>(&self, index: usize, expected: &str) -> Result<T, Mismatch> {
        Err(Mismatch::new(
            format!("{expected} as argument {} of {}", index + 1, self.call.name),
            format!("{:?}", self.call.arguments.get(index)),
        ))
    }

    pub(super) fn int(&self, index: usize) -> Result<i64, Mismatch> {
        match self.at(index)? {
            Value::Int(number) => Ok(*number),
            _ => self.wrong(index, "a number"),
        }
    }

    pub(super) fn i32(&self, index: usize) -> Result<i32, Mismatch> {
        i32::try_from(self.int(index)?).or_else(|_| self.wrong(index, "a number of 32 bits"))
    }

    pub(super) fn size(&self, index: usize) -> Result<usize, Mismatch> {
        usize::try_from(self.int(index)?).or_else(|_| self.wrong(index, "a size"))
    }

    pub(super) fn int_or(&self, index: usize, other: i32) -> Result<i32, Mismatch> {
        match self.at(index)? {
            Value::Ellipsis => Ok(other),
            _ => self.i32(index),
        }
    }

    /// `{sa_family=..., sin_port=htons(8080), sin_addr=inet_addr("192.0.2.1")}`, or `...`.
    pub(super) fn address_or(&self, index: usize, other: SocketAddr) -> Result<SocketAddr, Mismatch> {
        let Value::Record(fields) = self.at(index)? else { return Ok(other) };
        let field = |name: &str| fields.iter().find(|(found, _)| found == name).map(|(_, value)| value);
        let port = match field("sin_port").or_else(|| field("sin6_port")) {
            Some(Value::Int(port)) => u16::try_from(*port).unwrap_or(other.port()),
            _ => other.port(),
        };
        let ip = match field("sin_addr").or_else(|| field("sin6_addr")) {
            Some(Value::Text(text)) => text.parse::<IpAddr>().unwrap_or(other.ip()),
            _ => other.ip(),
        };
        Ok(SocketAddr::new(ip, port))
    }

    /// `[5]`.
    pub(super) fn list(&self, index: usize) -> Result<&'a [Value], Mismatch> {
        match self.at(index)? {
            Value::List(values) => Ok(values),
            _ => self.wrong(index, "a list in brackets"),
        }
    }

    /// `{...}`, or `[{...}]`.
    pub(super) fn record(&self, index: usize) -> Result<&'a Value, Mismatch> {
        match self.at(index)? {
            Value::List(values) if values.len() == 1 => Ok(&values[0]),
            value => Ok(value),
        }
    }

    /// `"text"`, if it is one.
    pub(super) fn text(&self, index: usize) -> Result<Option<&'a str>, Mismatch> {
        match self.at(index)? {
            Value::Text(text) => Ok(Some(text)),
            _ => Ok(None),
        }
    }

    /// `{onoff=1, linger=0}`.
    pub(super) fn linger(&self, index: usize) -> Result<Option<Linger>, Mismatch> {
        let value = match self.at(index)? {
            Value::List(values) if values.len() == 1 => &values[0],
            value => value,
        };
        let Value::Record(fields) = value else { return Ok(None) };
        let number = |name: &str| match fields.iter().find(|(found, _)| found == name) {
            Some((_, Value::Int(number))) => i32::try_from(*number).ok(),
            _ => None,
        };
        match (number("onoff"), number("linger")) {
            (Some(is_on), Some(seconds)) => Ok(Some(Linger { is_on, seconds })),
            _ => self.wrong(index, "{onoff=..., linger=...}"),
        }
    }

    /// Sizes of `[{..., 100}, {..., 200}]`.
    pub(super) fn vectors(&self, index: usize) -> Result<Vec<usize>, Mismatch> {
        let sizes: Option<Vec<usize>> = self.list(index)?.iter().map(vector_size).collect();
        sizes.map_or_else(|| self.wrong(index, "a list of {..., SIZE}"), Ok)
    }

    /// Sizes of the vectors of `{msg_name(...)=..., msg_iov(2)=[{..., 100}, ...], msg_flags=0}`.
    pub(super) fn message(&self, index: usize) -> Result<Vec<usize>, Mismatch> {
        let Value::Record(fields) = self.at(index)? else { return self.wrong(index, "a message") };
        match fields.iter().find(|(name, _)| name == "msg_iov") {
            Some((_, Value::List(vectors))) => {
                let sizes: Option<Vec<usize>> = vectors.iter().map(vector_size).collect();
                sizes.map_or_else(|| self.wrong(index, "a message with vectors"), Ok)
            }
            _ => self.wrong(index, "a message with vectors"),
        }
    }
}

fn vector_size(value: &Value) -> Option<usize> {
    match value {
        Value::Record(fields) => match fields.last()? {
            (_, Value::Int(size)) => usize::try_from(*size).ok(),
            _ => None,
        },
        _ => None,
    }
}

/// A number in a record.
pub(super) fn field(fields: &[(String, Value)], name: &str) -> Option<i64> {
    fields.iter().find(|(found, _)| found == name).and_then(|(_, value)| match value {
        Value::Int(number) => Some(*number),
        _ => None,
    })
}
