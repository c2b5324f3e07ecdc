/** A set of objects in words, for the line above its list. */
import type { ObjectSet } from '#shared/model/heap-explore.ts';

export function setTitle(set: ObjectSet, snapshotName: (id: string) => string): string {
  switch (set.by) {
    case 'all':
      return 'All objects';
    case 'class':
      return 'Objects of one class';
    case 'group':
      return `Objects of one ${set.grouping}`;
    case 'ordinals':
      return 'Selected objects';
    case 'retainedBy':
      return 'What one object retains, itself included';
    case 'retainedByClass':
      return 'What all objects of one class retain, they included';
    case 'comparison':
      return `${{ new: 'New in', dead: 'Gone in', survived: 'Survived into' }[set.side]} ${snapshotName(set.comparedId)} since ${snapshotName(set.baseId)}`;
    case 'growth':
      return `New since ${snapshotName(set.baseId)}, held by one path`;
    case 'trio':
      return `Born between ${snapshotName(set.firstId)} and ${snapshotName(set.secondId)}, still there`;
    case 'string':
      return 'Strings with the same value';
    case 'finding':
      return 'Objects of a finding';
  }
}
