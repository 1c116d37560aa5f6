//! A table with one value for each node. A node of which nothing was seen has the default value.

use indoubt_proto::ids::{NodeId, Role};

/// The values by role and number, because a look-up happens for almost every line of a trace.
#[derive(Clone, Debug, Default)]
pub(super) struct ByNode<T>([Vec<T>; Role::ALL.len()]);

impl<T: Clone + Default> ByNode<T> {
    pub(super) fn get_mut(&mut self, node: NodeId) -> &mut T {
        let values = &mut self.0[node.role as usize];
        let index = usize::from(node.number);
        if values.len() <= index {
            values.resize(index + 1, T::default());
        }
        &mut values[index]
    }

    /// The value of a node, if something was seen of it or of one with a larger number.
    pub(super) fn get(&self, node: NodeId) -> Option<&T> {
        self.0[node.role as usize].get(usize::from(node.number))
    }

    /// All nodes with their values, in the order of the nodes.
    pub(super) fn iter(&self) -> impl Iterator<Item = (NodeId, &T)> + '_ {
        Role::ALL
            .into_iter()
            .zip(&self.0)
            .flat_map(|(role, values)| (0..).zip(values).map(move |(number, value)| (NodeId { role, number }, value)))
    }

    /// The same table of something that each value has.
    pub(super) fn map<U>(&self, of: impl Fn(&T) -> U) -> ByNode<U> {
        ByNode(self.0.each_ref().map(|values| values.iter().map(&of).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_node_has_a_value_of_its_own() {
        let mut table = ByNode::<u32>::default();
        let nodes = Role::ALL.map(|role| NodeId { role, number: 2 });
        for (node, value) in nodes.into_iter().zip(1..) {
            *table.get_mut(node) = value;
        }
        let found: Vec<_> = table.iter().filter(|(_, value)| **value > 0).map(|(node, value)| (node, *value)).collect();
        assert_eq!(found, nodes.into_iter().zip(1..).collect::<Vec<_>>());
        assert!(found.is_sorted());
        assert_eq!(table.get(NodeId::participant(3)), None);
        assert_eq!(table.map(|value| value * 10).get(nodes[1]), Some(&20));
    }
}
