//! What every layer has in the same words.

/// The accessors of a service: of the one that it wraps.
macro_rules! accessors {
    () => {
        /// The service below.
        pub fn get_ref(&self) -> &S {
            &self.inner
        }

        /// The service below, to be changed.
        pub fn get_mut(&mut self) -> &mut S {
            &mut self.inner
        }

        /// The service below, without this layer.
        pub fn into_inner(self) -> S {
            self.inner
        }
    };
}

/// An opaque response body: a struct around an observed body that forwards every method of
/// [`http_body::Body`]. The bounds in the brackets are those that the struct itself needs.
macro_rules! opaque_body {
    ($(#[$meta:meta])* pub struct $name:ident<$body:ident $(, $param:ident)*>($inner:ty) where [$($bounds:tt)*]) => {
        pin_project_lite::pin_project! {
            $(#[$meta])*
            pub struct $name<$body $(, $param)*> where $($bounds)* {
                #[pin]
                inner: $inner,
            }
        }

        impl<$body $(, $param)*> $name<$body $(, $param)*>
        where
            $($bounds)*
        {
            pub(super) const fn new(inner: $inner) -> Self {
                Self { inner }
            }
        }

        impl<$body $(, $param)*> std::fmt::Debug for $name<$body $(, $param)*>
        where
            $($bounds)*
        {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }

        impl<$body $(, $param)*> http_body::Body for $name<$body $(, $param)*>
        where
            $body: http_body::Body,
            $body::Error: Into<crate::error::BoxError>,
            $($bounds)*
        {
            type Data = $body::Data;
            type Error = crate::error::Error;

            fn poll_frame(
                self: std::pin::Pin<&mut Self>,
                cx: &mut std::task::Context<'_>,
            ) -> std::task::Poll<Option<Result<http_body::Frame<Self::Data>, Self::Error>>> {
                self.project().inner.poll_frame(cx)
            }

            fn is_end_stream(&self) -> bool {
                self.inner.is_end_stream()
            }

            fn size_hint(&self) -> http_body::SizeHint {
                self.inner.size_hint()
            }
        }
    };
}

/// The words of an enum without fields, by which logs, ledgers and JSON know it: they stay when a variant is renamed.
macro_rules! words {
    ($name:ident { $($variant:ident = $word:literal,)+ }) => {
        impl $name {
            /// Every one of them, in order.
            pub const ALL: [Self; [$($word),+].len()] = [$(Self::$variant),+];

            /// The word for it in logs, metrics, ledgers and JSON.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }

            /// The one of that [name](Self::name).
            pub fn named(name: &str) -> Option<Self> {
                Self::ALL.into_iter().find(|one| one.name() == name)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.name())
            }
        }
    };
}
